import { expect, it } from "vitest";
import { notBuilt } from "./correlator-process.js";
import { runSoak } from "./soak.js";
import { slopeOf, soakTable, trendsOf } from "./soak-table.js";

if (notBuilt !== undefined) process.stderr.write(`soak: skipped, ${notBuilt}\n`);

it.skipIf(notBuilt !== undefined)(
  "a fleet without faults applies exactly what it emits, and says how it went",
  async () => {
    const lines: string[] = [];
    const settings = {
      seed: 2,
      durationMs: 6000,
      faultEveryMs: 0,
      targets: [],
      sampleEveryMs: 1500,
      correlators: 1,
      recordsPerSecond: 500,
    };
    const result = await runSoak(settings, new AbortController().signal, (line) => lines.push(line));
    for (const { emitted, applied, lost } of result.accounts) {
      expect(emitted).toBeGreaterThan(2000);
      expect([applied, lost]).toEqual([emitted, 0]);
    }
    expect(lines[0]).toBe("seed 2, 0 faults planned");
    const names = trendsOf(result.samples, 0).map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(["correlator-0 RSS, MiB", "sensor-1 descriptors", "redis keys"]),
    );
    expect(soakTable(result, 0).at(-1)).toBe("emitted = applied + lost for every sensor");
  },
  60_000,
);

it("the slope of a line is found in its points, and none in one", () => {
  expect(slopeOf([0, 1, 2, 3].map((x) => [x, 5 + 2 * x]))).toBeCloseTo(2);
  expect(slopeOf([[1, 1]])).toBe(0);
});
