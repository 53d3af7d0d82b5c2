import type { FlowTotals, Gap } from "./gap.js";

export interface FlowExporterCounters {
  batchesExported: number;
  recordsExported: number;
  batchesPublished: number;
  batchesAcknowledged: number;
  recordsAcknowledged: number;
  /** Sent again after no or a bad answer. */
  batchesRetried: number;
  /** Known to the stream although never sent before: somebody else used our message id. */
  batchesDuplicate: number;
  /** Refused for good, counted in a gap. */
  batchesRefused: number;
  recordsRefused: number;
  gapsExported: number;
  gapsAcknowledged: number;
  /** Acknowledged before and sent again, because the stream may have lost it. */
  batchesResent: number;
  /** What a correlator last said to have applied of this epoch. */
  appliedSequence: number;
}

export function newFlowExporterCounters(): FlowExporterCounters {
  return {
    batchesExported: 0,
    recordsExported: 0,
    batchesPublished: 0,
    batchesAcknowledged: 0,
    recordsAcknowledged: 0,
    batchesRetried: 0,
    batchesDuplicate: 0,
    batchesRefused: 0,
    recordsRefused: 0,
    gapsExported: 0,
    gapsAcknowledged: 0,
    batchesResent: 0,
    appliedSequence: 0,
  };
}

/** Where batches go. It gives each its identity and never throws. */
export interface FlowExporter {
  readonly counters: FlowExporterCounters;
  /** 16 bytes, random per process start. */
  readonly epoch: Uint8Array;
  /** Why nothing is delivered at the moment. */
  readonly fault: string | undefined;
  /** Takes an encoded batch without epoch and sequence; copies what it keeps. */
  exportBatch(bytes: Uint8Array, totals: FlowTotals): void;
  /** Says what will never arrive. The epoch is this one's. */
  exportGap(gap: Omit<Gap, "epoch">): void;
  /** Delivers what it can within the deadline and keeps the rest. */
  stop(deadlineMs: number): Promise<void>;
}
