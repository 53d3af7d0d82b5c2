import type { AppliedBatch, ReportedGap } from "@picket/correlator/sensors/batch-account.js";

const epoch = "0123456789abcdef0123456789abcdef";

/** A batch of 5 records that was applied. */
export function buildApplied(fields: Partial<AppliedBatch> = {}): AppliedBatch {
  return { sensor: "lab-01", epoch, sequence: 1, records: 5, ingestMs: 1_760_000_000_000, ...fields };
}

/** 7 records of the batches 2 to 3 that the spool had no room for. */
export function buildGap(fields: Partial<ReportedGap> = {}): ReportedGap {
  return {
    sensor: "lab-01",
    epoch,
    firstSequence: 2,
    lastSequence: 3,
    records: 7,
    packets: 70,
    bytes: 7000,
    reason: "spool_full",
    fromMs: 1_760_000_000_000,
    toMs: 1_760_000_001_000,
    ...fields,
  };
}
