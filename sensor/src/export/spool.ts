import type { FlowTotals } from "./gap.js";

/** What waits for delivery: an encoded batch, or an encoded gap record. */
export interface SpoolItem {
  readonly kind: "batch" | "gap";
  /** 16 bytes; of the process start that made the batch. */
  readonly epoch: Uint8Array;
  /** Of the batch in its epoch; 0 for a gap. */
  readonly sequence: number;
  readonly bytes: Uint8Array;
  /** Of the batch; zeros for a gap, which holds its own. */
  readonly totals: FlowTotals;
}

/** An item somebody claimed: delivered or released later. */
export interface SpoolEntry extends SpoolItem {
  /** The spool's own mark of where the item is. */
  readonly place: unknown;
  /** The stream acknowledged it before: it is handed out again in case the stream lost it since. */
  readonly isResent: boolean;
}

export interface SpoolCounters {
  /** Bytes kept now, on disk and in memory. */
  spoolBytes: number;
  spoolSegments: number;
  /** Items kept in memory because the disk cannot take them. */
  spoolMemoryItems: number;
  batchesSpooled: number;
  /** Batches dropped because the spool was full, and the records in them. */
  batchesDroppedSpoolFull: number;
  recordsDroppedSpoolFull: number;
  /** Records of the spool's files that could not be read back. */
  spoolRecordsCorrupt: number;
  spoolWriteErrors: number;
  /** Acknowledged items kept until a correlator has applied them. */
  acknowledgedItems: number;
  /** Acknowledged items given up because the spool was full; they were delivered. */
  acknowledgedDropped: number;
}

/**
 * Keeps items until a correlator has applied them, bounded, and says what it had
 * to drop. A claimed item is in the caller's hands until it is acknowledged,
 * delivered or released.
 */
export interface Spool {
  readonly counters: SpoolCounters;
  /** What is wrong with the disk, while it is. */
  readonly fault: string | undefined;
  /** Keeps an item and claims it for the caller in one step. Never throws. */
  appendClaimed(item: SpoolItem): SpoolEntry;
  /** Keeps an item until `next` hands it out. Never throws. */
  append(item: SpoolItem): void;
  /** Claims the oldest item nobody has claimed; undefined when there is none. */
  next(): SpoolEntry | undefined;
  /** The stream has the claimed item: it is kept until it is applied or expires. */
  acknowledged(entry: SpoolEntry, nowUs: number): void;
  /** Every batch of `epoch` up to the sequence was applied: acknowledged ones are given up. */
  applied(epoch: Uint8Array, floorSequence: number): void;
  /** Gives up what was acknowledged before, applied or not. */
  expire(acknowledgedBeforeUs: number): void;
  /** Hands out again what is acknowledged and not known to be applied. */
  resend(): void;
  /** The claimed item is no longer needed, whatever comes. */
  delivered(entry: SpoolEntry): void;
  /** The claimed item is to be handed out again. */
  release(entry: SpoolEntry): void;
  /** Makes durable what is kept; nothing may be called afterwards. */
  close(): Promise<void>;
}

/** Field by field: a spread costs microseconds for every batch. */
export function claimedEntry(item: SpoolItem, place: unknown, isResent: boolean): SpoolEntry {
  const { kind, epoch, sequence, bytes, totals } = item;
  return { kind, epoch, sequence, bytes, totals, place, isResent };
}

/** Totals of a gap item. */
export const noTotals: FlowTotals = { records: 0, packets: 0, bytes: 0, fromUs: 0, toUs: 0 };

export function newSpoolCounters(): SpoolCounters {
  return {
    spoolBytes: 0,
    spoolSegments: 0,
    spoolMemoryItems: 0,
    batchesSpooled: 0,
    batchesDroppedSpoolFull: 0,
    recordsDroppedSpoolFull: 0,
    spoolRecordsCorrupt: 0,
    spoolWriteErrors: 0,
    acknowledgedItems: 0,
    acknowledgedDropped: 0,
  };
}
