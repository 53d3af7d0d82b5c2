import { describe, expect, it } from "vitest";
import { contactRhythm, contactWaits, sameSizeShare } from "./contact-rhythm.js";

/** So many contacts, the gap before each of them by a function. */
function times(count: number, gapMs: (index: number) => number): number[] {
  const all = [0];
  for (let index = 1; index < count; index++) all.push(all[index - 1] + gapMs(index));
  return all;
}

/** Gaps of a Poisson process: a golden-ratio sequence through the inverse of its distribution. */
const byChance = (index: number): number => -60_000 * Math.log(1 - ((index * 0.618_033_988_749) % 1));

describe("the rhythm of contacts", () => {
  it("is regular when gaps keep to their median", () => {
    const rhythm = contactRhythm(
      times(31, (index) => (index % 2 === 0 ? 50_000 : 70_000)),
      0.35,
    );
    expect(rhythm).toEqual({
      contacts: 31,
      spanMs: 1_800_000,
      gapMs: 60_000,
      regularShare: 1,
      tightShare: 0,
    });
  });

  it("is not moved by pauses", () => {
    const rhythm = contactRhythm(
      times(41, (index) => (index % 10 === 0 ? 3_600_000 : 10_000)),
      0.35,
    );
    expect(rhythm.gapMs).toBe(10_000);
    expect(rhythm.regularShare).toBe(0.9);
    expect(rhythm.tightShare).toBe(0.9);
  });

  it("calls about a quarter of the gaps of chance regular", () => {
    const { regularShare } = contactRhythm(times(1001, byChance), 0.35);
    // exp(-0.65 ln 2) - exp(-1.35 ln 2)
    expect(regularShare).toBeCloseTo(0.245, 1);
  });

  it("counts parallel connections once, in any order", () => {
    const beats = times(20, () => 5000);
    const parallel = beats.flatMap((time) => [time + 300, time, time + 150]);
    expect(contactRhythm(parallel, 0.35)).toMatchObject({ contacts: 20, gapMs: 5000, regularShare: 1 });
  });

  it("has nothing to say of one contact or none", () => {
    expect(contactRhythm([], 0.35)).toMatchObject({ contacts: 0, spanMs: 0, regularShare: 0 });
    expect(contactRhythm([7], 0.35)).toMatchObject({ contacts: 1, spanMs: 0, regularShare: 0 });
  });

  it("waits from when another contact could have counted", () => {
    expect(contactWaits([9000, 2000, 0, 500], 1)).toEqual([1000, 6000]);
    expect(contactWaits([100_000, 700_000, 1_500_000], 300_000)).toEqual([400_000, 600_000]);
    // The end of a slot and the moment after it are one.
    expect(contactWaits([299_500, 300_200, 301_000], 300_000)).toEqual([500]);
    expect(contactWaits([7], 1)).toEqual([]);
  });

  it("compares sizes with their median", () => {
    expect(sameSizeShare([500, 505, 510, 900])).toBe(0.75);
    expect(sameSizeShare([])).toBe(0);
  });
});
