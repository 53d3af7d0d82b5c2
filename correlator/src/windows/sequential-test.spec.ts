import { describe, expect, it } from "vitest";
import { foldSlices, sequentialTest, type SliceOutcomes } from "./sequential-test.js";

const test = sequentialTest(0.8, 0.2, 0.99, 1e-4);
const slice = (number: number, failed: number, answered: number, closed = 0): SliceOutcomes => ({
  slice: number,
  failed,
  answered,
  closed,
});
const fires = (...slices: SliceOutcomes[]): boolean => foldSlices(test, slices) >= test.threshold;

describe("the sequential test", () => {
  it("weighs both ways by ln 4 and stops at ln 9900", () => {
    expect(test).toEqual({
      failedWeight: 1_386_294,
      answeredWeight: 1_386_294,
      closedWeight: 2_944_439,
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
});
