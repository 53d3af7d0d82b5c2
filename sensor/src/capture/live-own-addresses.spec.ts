import { describe, expect, it } from "vitest";
import { ownAddressWords } from "./live-own-addresses.js";

describe("own addresses", () => {
  it("are four words, IPv4 mapped", () => {
    expect([...ownAddressWords(["10.0.0.1", "fe80::1"])]).toEqual([
      0, 0, 0xffff, 0x0a000001, 0xfe800000, 0, 0, 1,
    ]);
  });
});
