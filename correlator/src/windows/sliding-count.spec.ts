import { array, assert, constantFrom, integer, nat, property, record } from "fast-check";
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
  const thing = record({ timeMs: nat(200), value: constantFrom("a", "b", "c", "d", "e", "f") });
  assert(
    property(
      array(thing, { maxLength: 40 }),
      integer({ min: 1, max: 80 }),
      nat(200),
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
