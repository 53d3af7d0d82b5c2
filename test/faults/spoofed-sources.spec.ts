import { expect, it } from "vitest";
import { notBuilt } from "./correlator-process.js";
import { runSpoofed } from "./spoofed-run.js";

if (notBuilt !== undefined) process.stderr.write(`spoofed-sources: skipped, ${notBuilt}\n`);

const mebibyte = 1024 * 1024;

/** A tenth of what `npm run bench -- spoofed-sources` sends, as fast. */
it.skipIf(notBuilt !== undefined)(
  "100,000 spoofed sources cost bounded memory and hide no scan",
  async () => {
    const result = await runSpoofed({
      seed: 3,
      targets: 4,
      sources: 100_000,
      sourcesPerSecond: 1_000_000 / 60,
      scannedPorts: 30,
    });
    expect(result.windowKeysWithoutTtl).toEqual([]);
    expect(result.redisPeakBytes).toBeLessThan(32 * mebibyte);
    expect(result.correlatorPeakBytes).toBeLessThan(400 * mebibyte);
    expect(result.foundAfterMs).toBeLessThan(60_000);
    expect(result.incidents["vertical_scan"]).toBe(1);
    expect(Object.values(result.incidents).reduce((sum, count) => sum + count, 0)).toBeLessThan(50);
  },
  180_000,
);
