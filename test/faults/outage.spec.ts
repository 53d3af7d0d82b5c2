import { beforeAll, describe, expect, it } from "vitest";
import { notBuilt } from "./correlator-process.js";
import { goesLiveFirst, runOutage } from "./outage-run.js";
import type { OutageResult } from "./outage-run.js";

if (notBuilt !== undefined) process.stderr.write(`outage: skipped, ${notBuilt}\n`);

const mebibyte = 1 << 20;

describe.skipIf(notBuilt !== undefined)("a sensor whose spool overflows while NATS is away", () => {
  let result: OutageResult;

  beforeAll(async () => {
    result = await runOutage({
      seed: 1,
      spoolBytesMax: mebibyte,
      warmUpMs: 5000,
      outageMs: 7000,
      recoveryMs: 6000,
      recordsPerSecond: 16_000,
      recordsPerBatch: 200,
    });
    process.stderr.write(`outage: ${JSON.stringify(result)}\n`);
  }, 150_000);

  it("stays within the spool's bytes and 4 MiB on disk", () => {
    expect(result.diskBytesMax).toBeGreaterThan(mebibyte / 2);
    expect(result.diskBytesMax).toBeLessThanOrEqual(5 * mebibyte);
  });

  it("grows by at most 32 MiB of memory", () => {
    expect(result.rssGrowthBytes).toBeLessThanOrEqual(32 * mebibyte);
  });

  it("says exactly how many records it dropped", () => {
    expect(result.lost).toBeGreaterThan(0);
    expect(result.stored + result.lost).toBe(result.emitted);
  });

  it("has no record that the registry lacks", () => {
    expect(result.applied).toBeGreaterThanOrEqual(result.stored);
    expect(result.appliedLost).toBeGreaterThanOrEqual(result.lost);
  });

  it("has the registry agree with the stream", () => {
    expect([result.applied, result.appliedLost]).toEqual([result.stored, result.lost]);
  });

  it("sends what is live before the backlog, and soon", () => {
    expect(goesLiveFirst(result), JSON.stringify(result)).toBe(true);
    expect(result.lateLiveLagMsMax).toBeLessThanOrEqual(5000);
  });
});
