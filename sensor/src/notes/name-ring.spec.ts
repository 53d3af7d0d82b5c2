import { describe, expect, it } from "vitest";
import { NameRing } from "./name-ring.js";
import { textBytes } from "./testing/decoded.js";

function readAt(ring: NameRing, place: number, length: number): string | undefined {
  const offset = ring.offsetOf(place);
  return offset === -1 ? undefined : String.fromCharCode(...ring.bytes.subarray(offset, offset + length));
}

describe("ring of names", () => {
  it("keeps the newest names whole and forgets the oldest", () => {
    const ring = new NameRing(16);
    const places = ["aaaaaa", "bbbbbb", "cccccc"].map((name) => ring.add(textBytes(name), 6));
    expect(places.map((place) => readAt(ring, place, 6))).toEqual([undefined, "bbbbbb", "cccccc"]);
  });

  it("of another size knows none of the names before it", () => {
    const before = new NameRing(16);
    const place = before.add(textBytes("aaaaaa"), 6);
    const ring = new NameRing(32, before);
    const next = ring.add(textBytes("bbbbbb"), 6);
    expect([readAt(ring, place, 6), readAt(ring, next, 6)]).toEqual([undefined, "bbbbbb"]);
  });

  it("never tells a name for another, however long it runs", () => {
    const ring = new NameRing(253);
    const stored: { readonly place: number; readonly name: string }[] = [];
    for (let i = 0; i < 400; i++) {
      const name = `${i}-`.padEnd(1 + ((i * 37) % 100), "x").slice(0, 1 + ((i * 37) % 100));
      stored.push({ place: ring.add(textBytes(name), name.length), name });
      for (const { place, name: expected } of stored.slice(-8))
        expect([expected, undefined]).toContain(readAt(ring, place, expected.length));
      expect(readAt(ring, stored[i].place, name.length)).toBe(name);
    }
  });
});
