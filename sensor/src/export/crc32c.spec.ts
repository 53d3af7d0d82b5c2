import { describe, expect, it } from "vitest";
import { crc32c } from "./crc32c.js";

/** Bit by bit, as it is defined. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

describe("crc32c", () => {
  it("agrees with the vectors of RFC 3720 B.4", () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  });

  it("covers the range that is asked for", () => {
    expect(crc32c(Buffer.from("..123456789."), 2, 11)).toBe(0xe3069283);
  });

  it("agrees with its definition at every length, alignment and range", () => {
    const memory = new Uint8Array(700);
    let state = 1;
    for (let i = 0; i < memory.length; i++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      memory[i] = state >>> 24;
    }
    for (let offset = 0; offset < 9; offset++) {
      const bytes = memory.subarray(offset);
      for (let length = 0; length <= 300; length++) {
        for (const start of [0, 3, 6]) {
          const expected = slowCrc32c(bytes.subarray(start, start + length));
          expect(crc32c(bytes, start, start + length)).toBe(expected);
        }
      }
    }
  });
});
