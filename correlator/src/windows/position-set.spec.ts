import * as fc from "fast-check";
import { expect, test } from "vitest";
import { PositionSet } from "./position-set.js";

test("counts distinct positions like a set, as a list and as a bitmap", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 120 }), { maxLength: 200 }), (positions) => {
      const set = new PositionSet();
      for (const position of positions) set.add(position);
      expect(set.size).toBe(new Set(positions).size);
    }),
  );
});
