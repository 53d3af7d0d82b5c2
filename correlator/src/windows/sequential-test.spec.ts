import { describe, expect, it } from "vitest";
import { foldSlices, sequentialTest, type SliceOutcomes } from "./sequential-test.js";

const test = sequentialTest(0.8, 0.2, 0.99, 1e-4);
const slice = (number: number, failed: number, answered: number, closed = 0, dark = 0): SliceOutcomes => ({
  slice: number,
  failed,
  answered,
  closed,
  dark,
});
const fires = (...slices: SliceOutcomes[]): boolean => foldSlices(test, slices) >= test.threshold;

describe("the sequential test", () => {
  it("weighs both ways by ln 4 and stops at ln 9900", () => {
    expect(test).toEqual({
      failedWeight: 1_386_294,
      answeredWeight: 1_386_294,
      closedWeight: 2_944_439,
      darkWeight: 2_197_225,
      threshold: 9_200_290,
    });
  });

  it.each([
    [6, false],
    [7, true],
    [8, true],
  ])("after %i failures", (failed, expected) => {
    expect(fires(slice(1, failed, 0))).toBe(expected);
  });

  it("adds up over slices", () => {
    expect(fires(slice(1, 3, 0), slice(2, 4, 0))).toBe(true);
  });

  it("takes a host that answered against a failure", () => {
    expect(fires(slice(1, 7, 1))).toBe(false);
    expect(fires(slice(1, 8, 1))).toBe(true);
  });

  it("leaves no credit to bank", () => {
    expect(fires(slice(1, 0, 100), slice(2, 7, 0))).toBe(true);
  });

  it.each([
    [0, 3, 0, false],
    [0, 4, 0, true],
    [1, 3, 0, true],
    [3, 2, 0, true],
    [2, 2, 0, false],
    [0, 4, 2, false],
  ])("after %i failures, %i at closed ports and %i answers", (failed, closed, answered, expected) => {
    expect(fires(slice(1, failed, answered, closed))).toBe(expected);
  });

  it.each([
    [0, 4, 0, false],
    [0, 5, 0, true],
    [1, 4, 0, true],
    [0, 5, 2, false],
  ])("after %i failures, %i dark ones and %i answers", (failed, dark, answered, expected) => {
    expect(fires(slice(1, failed, answered, 0, dark))).toBe(expected);
  });

  // A failure multiplies the likelihood by 4 (of 0.8 and 0.2) or 9 (of 0.9 and 0.1), in whole
  // numbers: the first power that is not below PD / PF. With PF 0.01 the four of Jung et al.
  it.each([
    [0.8, 0.2, 0.01, 4],
    [0.8, 0.2, 1e-3, 5],
    [0.8, 0.2, 1e-4, 7],
    [0.8, 0.2, 1e-5, 9],
    [0.8, 0.2, 1e-6, 10],
    [0.9, 0.1, 0.01, 3],
    [0.9, 0.1, 1e-4, 5],
    [0.9, 0.1, 1e-6, 7],
  ])("with %f against %f and false positives of %f takes %i failures", (benign, scanner, rate, expected) => {
    const other = sequentialTest(benign, scanner, 0.99, rate);
    expect(foldSlices(other, [slice(1, expected - 1, 0)])).toBeLessThan(other.threshold);
    expect(foldSlices(other, [slice(1, expected, 0)])).toBeGreaterThanOrEqual(other.threshold);
  });

  it("takes as many steps on average as Wald's formula says", () => {
    const walk = sequentialTest(0.8, 0.2, 0.99, 0.01);
    // (0.99 ln 99 + 0.01 ln(0.01 / 0.99)) / (0.8 ln 4 - 0.2 ln 4) = 4.503 / 0.832, without overshoot.
    const expected = 5.41;
    let [state, steps] = [1, 0];
    const runs = 20_000;
    for (let run = 0; run < runs; run++)
      for (let level = 0; level < walk.threshold; steps++) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        const isFailed = state / 2 ** 32 < 0.8;
        const gained = isFailed ? walk.failedWeight : -walk.answeredWeight;
        level = Math.max(0, level + gained);
      }
    expect(steps / runs).toBeGreaterThan(expected);
    // Four more failures than answers, gained at 0.6 a step; the floor at zero only helps.
    expect(steps / runs).toBeLessThan(4 / 0.6);
  });
});
