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
