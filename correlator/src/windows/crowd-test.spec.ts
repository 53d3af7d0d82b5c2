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

  // With a shape of 1 the distribution is geometric, with a shape of 2 the sum of two such.
  it.each([1, 2, 3, 4, 6])("has the closed form of a whole shape for %i sources", (count) => {
    for (const windows of [0, 24, 1008]) {
      const odds = 1 / (121 + windows);
      const geometric = crowdTail(count, { sources: 0.5, windows });
      expect(geometric / odds ** count).toBeCloseTo(1, 9);
      const double = crowdTail(count, { sources: 1.5, windows });
      expect(double / (odds ** count * (1 + count * (1 - odds)))).toBeCloseTo(1, 9);
    }
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

  // Printed tables of the Poisson distribution, four places.
  it.each([
    [1, [0.3679, 0.7358, 0.9197, 0.981]],
    [2, [0.1353, 0.406, 0.6767, 0.8571, 0.9473]],
    [5, [0.0067, 0.0404, 0.1247, 0.265, 0.4405, 0.616, 0.7622, 0.8666, 0.9319]],
    [10, [0, 0.0005, 0.0028, 0.0103, 0.0293, 0.0671, 0.1301, 0.2202, 0.3328, 0.4579, 0.583]],
  ])("agrees with the tables at mean %i", (mean, table) => {
    for (const [count, expected] of table.entries())
      expect(Math.abs(poissonLowerTail(count, mean) - expected)).toBeLessThan(0.000_06);
  });

  // Sums of logarithms worked out with another program.
  it.each([
    [950, 1000, 0.057836292955305096],
    [900, 1000, 0.0006977673277961804],
    [800, 1000, 3.229888722728494e-11],
    [4500, 5000, 3.3751718301694775e-13],
  ])("is never too small of at most %i at mean %i, nor five times too large", (count, mean, expected) => {
    const tail = poissonLowerTail(count, mean);
    expect(tail).toBeGreaterThanOrEqual(expected);
    expect(tail).toBeLessThan(5 * expected);
  });
});
