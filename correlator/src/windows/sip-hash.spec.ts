import { expect, test } from "vitest";
import { SipHash } from "./sip-hash.js";

const key = Uint8Array.from({ length: 16 }, (_, index) => index);

function hashOf(length: number): string {
  const target = Buffer.alloc(8);
  new SipHash(key).hash(String.fromCharCode(...Array.from({ length }, (_, index) => index)), target, 0);
  return target.toString("hex");
}

test("the test vectors of the SipHash reference implementation", () => {
  expect(hashOf(0)).toBe("310e0edd47db6f72");
  expect(hashOf(1)).toBe("fd67dc93c539f874");
  expect(hashOf(8)).toBe("6224939a79f5f593");
  expect(hashOf(15)).toBe("e545be4961ca29a1");
});
