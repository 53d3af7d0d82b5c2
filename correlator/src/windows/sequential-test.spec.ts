import { describe, expect, it } from "vitest";
import { foldSlices, sequentialTest } from "./sequential-test.js";

const test = sequentialTest(0.8, 0.2, 0.99, 1e-4);
const slice = (number: number, failed: number, answered: number) => ({ slice: number, failed, answered });
const fires = (...slices: { slice: number; failed: number; answered: number }[]): boolean =>
  foldSlices(test, slices) >= test.threshold;

describe("the sequential test", () => {
  it("weighs both ways by ln 4 and stops at ln 9900", () => {
    expect(test).toEqual({ failedWeight: 1_386_294, answeredWeight: 1_386_294, threshold: 9_200_290 });
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

  it("needs four failures toward ports known to be closed", () => {
    const closed = sequentialTest(0.95, 0.05, 0.99, 1e-4);
    expect(foldSlices(closed, [slice(1, 3, 0)])).toBeLessThan(closed.threshold);
    expect(foldSlices(closed, [slice(1, 4, 0)])).toBeGreaterThanOrEqual(closed.threshold);
  });
});
