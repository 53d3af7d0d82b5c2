import { describe, expect, it } from "vitest";
import { crowdAlarmCount, crowdBaseline, crowdTail, poissonLowerTail } from "./crowd-test.js";

const fresh = { sources: 0, windows: 0 };

describe("crowdTail", () => {
  // Upper tails of the negative binomial, summed from log-gamma terms with another program.
  it.each([
    [1, fresh, 0.004140804536061608],
    [2, fresh, 2.5683893648643344e-5],
    [3, fresh, 1.7694751798445414e-7],
    [4, fresh, 1.2798449082913939e-9],
    [5, fresh, 9.520826129058049e-12],
    [3, { sources: 20, windows: 10 }, 0.0006575967401878893],
    [10, { sources: 20, windows: 10 }, 1.4420347036897717e-14],
    [60, { sources: 200, windows: 144 }, 9.825165691325375e-87],
  ])("of %i sources after %o", (count, baseline, expected) => {
    expect(crowdTail(count, baseline) / expected).toBeCloseTo(1, 9);
  });

  it("is certain for no sources at all", () => {
    expect(crowdTail(0, fresh)).toBe(1);
  });
});

describe("crowdAlarmCount", () => {
  it("is four sources at a port nobody ever failed at", () => {
    expect(crowdAlarmCount(1e-8, fresh)).toBe(4);
  });

  it("grows with what the key is used to", () => {
    const used = crowdBaseline(new Map(Array.from({ length: 100 }, (_, slice) => [slice, 3])), 100, 1e-8);
    expect(used).toEqual({ sources: 300, windows: 100 });
    expect(crowdAlarmCount(1e-8, used)).toBeGreaterThan(10);
  });
});

describe("crowdBaseline", () => {
  it("takes no more from an attack than what would have alarmed", () => {
    expect(crowdBaseline(new Map([[5, 10_000]]), 6, 1e-8)).toEqual({ sources: 4, windows: 1 });
  });

  it("leaves out the slice itself and what came later", () => {
    expect(
      crowdBaseline(
        new Map([
          [5, 2],
          [6, 50],
          [7, 50],
        ]),
        6,
        1e-8,
      ),
    ).toEqual({ sources: 2, windows: 1 });
  });

  it("counts the quiet slices in between", () => {
    expect(crowdBaseline(new Map([[5, 2]]), 15, 1e-8)).toEqual({ sources: 2, windows: 10 });
  });
});

describe("poissonLowerTail", () => {
  // Sums of exp(-m) m^k / k! worked out with another program.
  it.each([
    [0, 36, 2.3195228302435696e-16],
    [3, 10, 0.010336050675925718],
    [20, 36, 0.0026965229263488017],
    [5, 5, 0.6159606548330632],
  ])("of at most %i at mean %i", (count, mean, expected) => {
    expect(poissonLowerTail(count, mean) / expected).toBeCloseTo(1, 9);
  });
});
