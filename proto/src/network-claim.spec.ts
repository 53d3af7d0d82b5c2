import { describe, expect, it } from "vitest";
import { isPrivateNetwork, isWithin, networkFault, type NetworkClaim } from "./network-claim.js";

/** "10.0.0.0/8", or the bytes of IPv6 in hexadecimal and bits: "20010db8/32". */
function network(text: string): NetworkClaim {
  const [address, bits] = text.split("/");
  const bytes = address.includes(".")
    ? address.split(".").map(Number)
    : [...Buffer.from(address.padEnd(32, "0"), "hex")];
  return { address: bytes, bits: Number(bits) };
}

describe("a network that a host says it is on", () => {
  it.each([
    ["10.0.0.0/8", undefined],
    ["172.16.0.0/12", undefined],
    ["172.16.0.0/11", "wide"],
    ["100.64.0.0/10", undefined],
    ["198.51.0.0/16", undefined],
    ["198.50.0.0/15", "wide"],
    ["203.0.113.7/32", undefined],
    ["0.0.0.0/0", "wide"],
    ["0.0.0.0/1", "wide"],
    ["128.0.0.0/1", "wide"],
    ["127.0.0.0/8", "special"],
    ["169.254.0.0/16", "special"],
    ["224.0.0.0/4", "special"],
    ["240.0.0.0/16", "special"],
    ["fc/7", undefined],
    ["20010db8/32", undefined],
    ["20010db8/31", "wide"],
    ["/0", "wide"],
    ["20/3", "wide"],
    ["fe80/64", "special"],
    ["ff/8", "special"],
    ["2001/32", "special"],
    ["2002c000/32", "special"],
    ["0064ff9b/96", "special"],
    ["00000000000000000000ffff/96", "special"],
    ["00000000000000000000ffc0/90", "special"],
  ])("%s is %s", (text, fault) => {
    expect(networkFault(network(text))).toBe(fault);
  });

  it("is private where all of it is", () => {
    expect(isPrivateNetwork(network("192.168.7.0/24"))).toBe(true);
    expect(isPrivateNetwork(network("192.0.0.0/8"))).toBe(false);
    expect(isPrivateNetwork(network("fd00/8"))).toBe(true);
  });

  it("is within another by its first bits, of the same family only", () => {
    expect(isWithin(network("10.1.64.0/18"), network("10.1.0.0/17"))).toBe(true);
    expect(isWithin(network("10.1.128.0/18"), network("10.1.0.0/17"))).toBe(false);
    expect(isWithin(network("10.1.0.0/16"), network("10.1.0.0/17"))).toBe(false);
    expect(isWithin(network("0a01/17"), network("10.1.0.0/17"))).toBe(false);
  });
});
