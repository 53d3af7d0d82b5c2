import ipaddr from "ipaddr.js";
import { describe, expect, it } from "vitest";
import { addressKeyOfText } from "../windows/address-text.js";
import { NetworkSet } from "./network-set.js";

const has = (set: NetworkSet, address: string): boolean => set.hasKey(addressKeyOfText(address) ?? "");

describe("a set of networks", () => {
  it("keeps each address once, in the widest network", () => {
    const networks = [
      "10.1.0.0/16",
      "10.1.7.0/24",
      "10.1.7.0/24",
      "10.1.7.9/30",
      "10.2.0.0/16",
      "10.1.255.255",
    ];
    expect(new NetworkSet(networks).size).toBe(2);
  });

  it.each([
    ["9.255.255.255", false],
    ["10.0.0.0", true],
    ["10.0.0.63", true],
    ["10.0.0.64", false],
    ["223.255.255.255", true],
    ["224.0.0.0", false],
    ["::a00:1", false],
    ["2001:db8:0:3fff::", false],
    ["2001:db8:0:4000::", true],
    ["2001:db8:0:7fff:ffff:ffff:ffff:ffff", true],
    ["2001:db8:0:8000::", false],
    ["fd00::1", true],
    ["fd00::2", false],
  ])("of which %s is one: %s", (address, expected) => {
    const networks = ["10.0.0.7/26", "192.0.0.0/3", "2001:db8:0:4000::/50", "fd00::1"];
    expect(has(new NetworkSet(networks), address)).toBe(expected);
  });

  it("may be all there is, or nothing", () => {
    expect(has(new NetworkSet(["::/0"]), "8.8.8.8")).toBe(true);
    expect(has(new NetworkSet(["0.0.0.0/0"]), "255.255.255.255")).toBe(true);
    expect(has(new NetworkSet(["0.0.0.0/0"]), "2001:db8::1")).toBe(false);
    expect(has(new NetworkSet([]), "::")).toBe(false);
  });

  it("says of every address what looking at each network says", () => {
    const networks = Array.from(
      { length: 300 },
      (_, i) => `${(i * 7) % 224}.${(i * 31) % 256}.0.0/${9 + (i % 16)}`,
    );
    const blocks = networks.map((text) => ipaddr.IPv4.parseCIDR(text));
    const set = new NetworkSet(networks);
    for (let i = 0; i < 2000; i++) {
      const address = [(i * 13) % 224, (i * 29) % 256, (i * 3) % 256, i % 256].join(".");
      expect(has(set, address)).toBe(blocks.some((block) => ipaddr.IPv4.parse(address).match(block)));
    }
  });
});
