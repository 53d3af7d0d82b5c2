import { expect, test } from "vitest";
import { SipHash } from "./sip-hash.js";

const key = Uint8Array.from({ length: 16 }, (_, index) => index);

function hashOf(length: number): string {
  const sip = new SipHash(key);
  sip.hash(String.fromCharCode(...Array.from({ length }, (_, index) => index)));
  const bytes = Buffer.alloc(8);
  bytes.writeInt32LE(sip.low, 0);
  bytes.writeInt32LE(sip.high, 4);
  return bytes.toString("hex");
}

test("the test vectors of the SipHash reference implementation", () => {
  expect(hashOf(0)).toBe("310e0edd47db6f72");
  expect(hashOf(1)).toBe("fd67dc93c539f874");
  expect(hashOf(8)).toBe("6224939a79f5f593");
  expect(hashOf(15)).toBe("e545be4961ca29a1");
});

test("the same text twice, and another between, give each its own hash", () => {
  const sip = new SipHash(key);
  const hashes = ["a", "a", "", "a"].map((text) => {
    sip.hash(text);
    return `${sip.high},${sip.low}`;
  });
  expect(new Set(hashes).size).toBe(2);
  expect([hashes[0], hashes[0]]).toEqual([hashes[1], hashes[3]]);
});
