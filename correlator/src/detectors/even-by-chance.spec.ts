import { seededRandom } from "@picket/proto/batch/testing/seeded-random.js";
import { describe, expect, it } from "vitest";
import { evenByChance } from "./even-by-chance.js";

/** Waits of a Poisson process: its distribution turned around. */
const exponential = (random: () => number): number => -Math.log(1 - random());

/** Waits of a lognormal distribution, by Box and Muller. */
const lognormal = (random: () => number, spread: number): number =>
  Math.exp(spread * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));

/** Share of so many rows of waits that are said to be even by chance with at most this probability. */
function saidEven(rows: number, waits: number, wait: () => number, chanceMax: number): number {
  let said = 0;
  for (let row = 0; row < rows; row++)
    if (evenByChance(Array.from({ length: waits }, wait)) <= chanceMax) said++;
  return said / rows;
}

/** Probability of a timer's row with a deviation spread evenly up to a share, the median of some rows. */
function ofTimer(waits: number, jitter: number, missed = 0): number {
  const random = seededRandom(5);
  const chances = Array.from({ length: 101 }, () =>
    evenByChance(
      Array.from(
        { length: waits },
        (_, index) => (index < missed ? 2 : 1) * (1 + jitter * (2 * random() - 1)),
      ),
    ),
  );
  return chances.sort((a, b) => a - b)[50];
}

describe("evenness by chance", () => {
  it("is that of a point on a line for two waits, in two looks", () => {
    // Of two exponential waits the first one's share of both is spread evenly from 0 to 1: from 0.45 to 0.55 it is in
    // a tenth of the cases.
    expect(evenByChance([0.9, 1.1])).toBeCloseTo(2 * 0.1, 3);
    expect(evenByChance([9000, 11_000])).toBeCloseTo(2 * 0.1, 3);
  });

  it("is that of a disc in a triangle for three waits, in two looks", () => {
    // The waits' shares are a point of an equilateral triangle with side 3 √2; squares of 0.01 each way.
    const triangle = (Math.sqrt(3) / 4) * 18;
    expect(evenByChance([0.9, 1, 1.1])).toBeCloseTo((2 * Math.PI * 0.02) / triangle, 4);
  });

  it.each([
    [3, 0.1],
    [3, 0.001],
    [9, 0.1],
    [9, 0.001],
    [20, 0.01],
    [50, 0.01],
  ])("of %i waits at random at most a share of %d is as even", (waits, chance) => {
    const random = seededRandom(waits);
    const rows = 10_000;
    // Three standard deviations of the number of rows.
    const most = chance + 3 * Math.sqrt(chance / rows);
    expect(saidEven(rows, waits, () => exponential(random), chance)).toBeLessThanOrEqual(most);
  });

  it("is no idle bound: of few waits at random nearly that share is as even", () => {
    const random = seededRandom(7);
    expect(saidEven(5000, 9, () => exponential(random), 0.01)).toBeGreaterThan(0.002);
  });

  it("is rarer still for the visits of people", () => {
    const random = seededRandom(8);
    expect(saidEven(5000, 9, () => lognormal(random, 1), 0.01)).toBeLessThanOrEqual(0.01);
    expect(saidEven(5000, 20, () => lognormal(random, 1), 0.01)).toBeLessThanOrEqual(0.01);
  });

  it("is kept by all looks at a growing row together", () => {
    const random = seededRandom(9);
    let told = 0;
    const rows = 1000;
    for (let row = 0; row < rows; row++) {
      const waits = Array.from({ length: 30 }, () => exponential(random));
      if (waits.some((_, index) => index >= 8 && evenByChance(waits.slice(0, index + 1)) <= 0.01)) told++;
    }
    expect(told / rows).toBeLessThan(2 * 0.01);
  });

  it.each([
    [9, 0],
    [9, 0.1],
    [15, 0.3],
    [25, 0.5],
  ])("is out of the question for %i waits of a timer with a jitter of %d", (waits, jitter) => {
    expect(ofTimer(waits, jitter)).toBeLessThan(1e-6);
  });

  it("is not for a few waits of an unsteady timer: they wait for more", () => {
    expect(ofTimer(9, 0.3)).toBeGreaterThan(1e-6);
  });

  it("leaves pauses and missed beats out", () => {
    expect(ofTimer(30, 0.3, 6)).toBeLessThan(1e-6);
    expect(evenByChance([...Array.from({ length: 30 }, () => 60), 4000, 90_000])).toBeLessThan(1e-20);
  });

  it("says nothing of one wait, or none, or of none that took any time", () => {
    expect(evenByChance([])).toBe(1);
    expect(evenByChance([60])).toBe(1);
    expect(evenByChance([0, 0, 0])).toBe(1);
  });

  it("stays a number for thousands of waits", () => {
    const random = seededRandom(10);
    expect(evenByChance(Array.from({ length: 4000 }, () => exponential(random)))).toBe(1);
    expect(evenByChance(Array.from({ length: 4000 }, () => 1 + 0.1 * random()))).toBe(0);
  });
});
