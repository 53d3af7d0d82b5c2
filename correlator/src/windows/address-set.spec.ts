import * as fc from "fast-check";
import { expect, test } from "vitest";
import { AddressSet } from "./address-set.js";

const short = fc
  .integer({ min: 0, max: 400 })
  .map((number) => String.fromCharCode(0, 0, number >>> 8, number & 0xff));
const long = fc.integer({ min: 0, max: 40 }).map((number) => `12345678${String(number).padStart(8, "0")}`);

test("holds what a set holds, through every growth", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 4, arbitrary: short }, long), { maxLength: 1500 }),
      (addresses) => {
        const held = new AddressSet();
        const model = new Set<string>();
        for (const address of addresses) {
          expect(held.has(address)).toBe(model.has(address));
          expect(held.add(address)).toBe(!model.has(address));
          model.add(address);
        }
        expect(held.size).toBe(model.size);
        expect(held.keys().sort()).toEqual([...model].sort());
      },
    ),
    { numRuns: 30 },
  );
});
