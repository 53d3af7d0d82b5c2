import { describe, expect, it } from "vitest";
import { addressKeyOfText } from "./address-text.js";
import { addressKeyOfWords, formatAddressKey, prefixOf } from "./address-key.js";

describe("formatAddressKey", () => {
  it.each([
    "10.0.0.1",
    "255.255.255.255",
    "2001:db8::1",
    "::1",
    "::",
    "fe80::1:2:3:4",
    "2001:db8:0:1:1:1:1:1",
    "1:0:0:2::3",
  ])("writes %s as RFC 5952 does", (text) => {
    expect(formatAddressKey(addressKeyOfText(text) ?? "")).toBe(text);
  });

  it("shows the length of a shortened key", () => {
    expect(formatAddressKey(prefixOf(addressKeyOfText("192.0.2.77") ?? ""))).toBe("192.0.2.0/24");
    expect(formatAddressKey((addressKeyOfText("2001:db8:1:2:3:4:5:6") ?? "").slice(0, 8))).toBe(
      "2001:db8:1:2::/64",
    );
    expect(formatAddressKey(prefixOf(addressKeyOfText("2001:db8:1:2::1") ?? ""))).toBe("2001:db8:1::/48");
  });
});

describe("addressKeyOfWords", () => {
  it("is four chars for a mapped IPv4 address", () => {
    expect(addressKeyOfWords(Uint32Array.of(0, 0, 0xffff, 0xc0000201), 0)).toBe("\u00c0\0\u0002\u0001");
  });
});
