import fc from "fast-check";
import { expect, it } from "vitest";
import { mostDistinctWithin, type Timed } from "./sliding-count.js";

function naive(things: readonly Timed[], lengthMs: number, fromMs: number): number {
  let most = 0;
  for (const last of things) {
    if (last.timeMs < fromMs) continue;
    const inside = things.filter(({ timeMs }) => timeMs <= last.timeMs && timeMs > last.timeMs - lengthMs);
    most = Math.max(most, new Set(inside.map(({ value }) => value)).size);
  }
  return most;
}

it("equals counting every window by itself", () => {
  const thing = fc.record({ timeMs: fc.nat(200), value: fc.constantFrom("a", "b", "c", "d", "e", "f") });
  fc.assert(
    fc.property(
      fc.array(thing, { maxLength: 40 }),
      fc.integer({ min: 1, max: 80 }),
      fc.nat(200),
      (things, lengthMs, fromMs) => {
        const ordered = [...things].sort((a, b) => a.timeMs - b.timeMs);
        expect(mostDistinctWithin(ordered, lengthMs, fromMs)).toBe(naive(ordered, lengthMs, fromMs));
      },
    ),
  );
});

it("does not count what left the window", () => {
  const things = [0, 100, 200].map((timeMs, index) => ({ timeMs, value: String(index) }));
  expect(mostDistinctWithin(things, 100)).toBe(1);
  expect(mostDistinctWithin(things, 101)).toBe(2);
});
