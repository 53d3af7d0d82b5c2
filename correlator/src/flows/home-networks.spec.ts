import { describe, expect, it } from "vitest";
import { addressKeyOfText } from "../windows/address-text.js";
import { HomeNetworks, isCidr } from "./home-networks.js";

const isInside = (home: HomeNetworks, address: string): boolean =>
  home.isInsideKey(addressKeyOfText(address) ?? "");

describe("HomeNetworks", () => {
  it.each([
    ["10.255.0.1", true],
    ["172.16.0.1", true],
    ["172.32.0.1", false],
    ["192.168.255.255", true],
    ["192.169.0.0", false],
    ["169.254.1.1", true],
    ["8.8.8.8", false],
    ["fd00::1", true],
    ["fe80::1", true],
    ["2001:db8::1", false],
  ])("without a network: %s inside is %s", (address, expected) => {
    expect(isInside(new HomeNetworks([]), address)).toBe(expected);
  });

  it("is what the policy names, and no longer the private ranges", () => {
    const home = new HomeNetworks(["198.51.100.0/25", "2001:db8:7::/48", "203.0.113.9"]);
    expect(isInside(home, "198.51.100.127")).toBe(true);
    expect(isInside(home, "198.51.100.128")).toBe(false);
    expect(isInside(home, "2001:db8:7:ffff::1")).toBe(true);
    expect(isInside(home, "2001:db8:8::1")).toBe(false);
    expect(isInside(home, "203.0.113.9")).toBe(true);
    expect(isInside(home, "10.0.0.1")).toBe(false);
  });

  it("holds the hosts that sensors run on", () => {
    const home = new HomeNetworks(["198.51.100.0/25"], ["203.0.113.77", "2001:db8::7"]);
    expect(isInside(home, "203.0.113.77")).toBe(true);
    expect(isInside(home, "2001:db8::7")).toBe(true);
    expect(isInside(home, "203.0.113.78")).toBe(false);
  });

  it.each([
    ["10.0.3.99", true, "free, beside a sensor"],
    ["10.0.3.7", false, "a sensor's own"],
    ["10.0.4.99", false, "of another network"],
    ["203.0.113.78", false, "a neighbour outside"],
    ["198.51.100.9", true, "beside a sensor in a network that the policy names"],
    ["169.254.7.9", false, "of a link only"],
    ["fe80::9", false, "of a link only"],
    ["fd00::1:9", true, "in the /64 of a sensor"],
    ["fd00:0:0:1::9", false, "in another /64"],
  ])("%s beside the sensors is %s: %s", (address, expected) => {
    const named = ["10.0.0.0/8", "198.51.100.0/24", "169.254.0.0/16", "fe80::/10", "fd00::/8"];
    const sensors = ["10.0.3.7", "203.0.113.77", "198.51.100.1", "169.254.7.7", "fe80::7", "fd00::7"];
    const home = new HomeNetworks(named, sensors);
    expect(home.hasSensors).toBe(true);
    expect(home.isBesideSensors(addressKeyOfText(address) ?? "")).toBe(expected);
  });

  it("holds the networks that sensors tell, unless the policy names its own", () => {
    const fleet = { link: ["203.0.113.0/25", "2001:db8:7::/64"], routed: ["100.64.0.0/10"] };
    const hosts = ["203.0.113.77", "2001:db8:7::77"];
    const told = new HomeNetworks([], hosts, fleet);
    for (const address of ["203.0.113.127", "2001:db8:7::1", "100.65.0.1", "10.0.0.1"])
      expect(isInside(told, address)).toBe(true);
    expect(isInside(told, "203.0.113.128")).toBe(false);
    const named = new HomeNetworks(["198.51.100.0/24"], hosts, fleet);
    for (const address of ["203.0.113.127", "2001:db8:7::1", "100.65.0.1", "10.0.0.1"])
      expect(isInside(named, address)).toBe(false);
    expect(isInside(named, "203.0.113.77")).toBe(true);
  });

  it.each([
    ["10.4.255.9", true, "in the /15 that its sensor tells"],
    ["10.6.0.9", false, "behind it"],
    ["10.9.0.129", false, "in the other half of a /24"],
    ["10.9.0.9", true, "in a /25"],
    ["10.8.0.9", true, "in the /24 around a sensor that tells nothing"],
    ["10.20.0.9", false, "behind a router"],
    ["203.0.113.9", true, "in a public network"],
  ])("%s beside sensors that tell their networks is %s: %s", (address, expected) => {
    const fleet = { link: ["10.4.0.0/15", "10.9.0.0/25", "203.0.113.0/24"], routed: ["10.20.0.0/16"] };
    const home = new HomeNetworks([], ["10.4.0.7", "10.9.0.7", "10.8.0.7", "203.0.113.7"], fleet);
    expect(home.isBesideSensors(addressKeyOfText(address) ?? "")).toBe(expected);
  });

  it("takes no network for the address of a host", () => {
    const home = new HomeNetworks([], ["0.0.0.0/0", "::/0", "lab"]);
    expect(isInside(home, "8.8.8.8")).toBe(false);
    expect(home.hasSensors).toBe(false);
  });

  it("has nothing beside sensors where there is none", () => {
    const home = new HomeNetworks(["10.0.0.0/8"]);
    expect(home.hasSensors).toBe(false);
    expect(home.isBesideSensors("\n\0\0\x09")).toBe(false);
  });

  it("takes a prefix for outside", () => {
    expect(new HomeNetworks([]).isInsideKey("\n\0\0")).toBe(false);
  });
});

describe("isCidr", () => {
  it.each([
    ["10.0.0.0/8", true],
    ["10.0.0.1", true],
    ["2001:db8::/32", true],
    ["10.0.0.0/33", false],
    ["lab", false],
    ["", false],
  ])("%s is %s", (text, expected) => {
    expect(isCidr(text)).toBe(expected);
  });
});
