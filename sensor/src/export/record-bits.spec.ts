import { describe, expect, it } from "vitest";
import { RecordBits } from "./record-bits.js";

describe("bits of records", () => {
  it("tell offsets apart that are at least a record's header apart, however far", () => {
    const bits = new RecordBits();
    const offsets = [8, 72, 600_000, 4 << 20];
    for (const offset of offsets) bits.set(offset);
    expect([...offsets, 136, 599_900].filter((offset) => bits.has(offset))).toEqual(offsets);
    bits.clear(72);
    bits.clear(2 ** 31);
    expect(offsets.filter((offset) => bits.has(offset))).toEqual([8, 600_000, 4 << 20]);
  });

  it("are cleared together by those of others, and all at once", () => {
    const bits = new RecordBits();
    const others = new RecordBits();
    for (const offset of [8, 100, 200, 900_000]) bits.set(offset);
    for (const offset of [100, 900_000]) others.set(offset);
    bits.clearAllOf(others);
    expect([8, 100, 200, 900_000].map((offset) => bits.has(offset))).toEqual([true, false, true, false]);
    bits.clearAll();
    expect(bits.has(8)).toBe(false);
  });
});
