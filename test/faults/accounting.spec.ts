import { beforeAll, describe, expect, it } from "vitest";
import { runAccounting } from "./accounting-run.js";
import type { AccountingResult } from "./accounting-run.js";
import { notBuilt } from "./correlator-process.js";

if (notBuilt !== undefined) process.stderr.write(`accounting: skipped, ${notBuilt}\n`);

/** Another one is tried with PICKET_SEED. */
const seed = Number(process.env["PICKET_SEED"] ?? 11);

describe.skipIf(notBuilt !== undefined)(`two sensors while NATS is killed four times, seed ${seed}`, () => {
  let result: AccountingResult;

  beforeAll(async () => {
    // Small batches: many are between their effect and its acknowledgement when the server dies.
    const load = { recordsPerSecond: 1000, recordsPerBatch: 20 };
    result = await runAccounting({ seed, durationMs: 20_000, kills: 4, ...load });
    process.stderr.write(`accounting, seed ${seed}: ${JSON.stringify(result)}\n`);
  }, 150_000);

  it("lose nothing that is not counted", () => {
    expect(result.kills).toBe(4);
    for (const { emitted, applied, lost } of result.accounts) {
      expect(emitted).toBeGreaterThan(10_000);
      expect(applied + lost).toBeGreaterThanOrEqual(emitted);
    }
  });

  it("see no message id of theirs used by somebody else", () => {
    expect(result.duplicate).toBe(0);
  });

  it("emit exactly what is applied and counted as lost", () => {
    for (const { emitted, applied, lost } of result.accounts) expect(applied + lost).toBe(emitted);
  });
});
