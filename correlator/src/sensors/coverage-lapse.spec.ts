import { describe, expect, it } from "vitest";
import { joinLapses, mergeLapses, type CoverageLapse } from "./coverage-lapse.js";

const lapse = (fields: Partial<CoverageLapse> = {}): CoverageLapse => ({
  sensor: "lab-01",
  reason: "dropping",
  fromMs: 10,
  toMs: 20,
  count: 3,
  ...fields,
});

describe("lapses", () => {
  it("of one sensor and reason are one, with their counts added up", () => {
    const joined = joinLapses([
      lapse({ fromMs: 30, toMs: 40 }),
      lapse(),
      lapse({ reason: "silent", count: 0 }),
    ]);
    expect(joined).toEqual([lapse({ reason: "silent", count: 0 }), lapse({ toMs: 40, count: 6 })]);
  });

  it("said before and known now are not counted twice", () => {
    expect(mergeLapses([lapse({ count: 5 })], [lapse({ toMs: 25, count: 4 })], 20)).toEqual([
      lapse({ toMs: 25, count: 5 }),
    ]);
  });

  it("that went on and are no longer known ended with what they are about", () => {
    const open = lapse({ reason: "silent", toMs: Infinity, count: 0 });
    expect(mergeLapses([open], [], 17)).toEqual([{ ...open, toMs: 17 }]);
    expect(mergeLapses([open], [{ ...open, toMs: 90 }], 17)).toEqual([{ ...open, toMs: 90 }]);
    expect(mergeLapses([open], [open], 17)).toEqual([open]);
  });
});
