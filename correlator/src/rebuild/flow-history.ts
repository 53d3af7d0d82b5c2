import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";

/** A batch that was stored earlier. Valid until the next group is asked for. */
export interface StoredBatch {
  readonly sensor: string;
  readonly columns: FlowColumns;
  /** When the stream stored it, milliseconds. */
  readonly ingestMs: number;
  /** The sensor's clock when it was published, milliseconds; 0 unknown. */
  readonly sentMs: number;
  /** Sequence in the stream. */
  readonly sequence: number;
}

/** Where the stream of flows stands. */
export interface HistoryPosition {
  /** Identity of the stream; another one when it was made anew. */
  readonly log: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Everything up to here was acknowledged; 0 when nothing was. */
  readonly acknowledgedSequence: number;
  /** Nothing after this one was handed to any correlator. */
  readonly deliveredSequence: number;
  /** When the first message kept, and the last delivered one, was stored; milliseconds, 0 without one. */
  readonly firstMs: number;
  readonly deliveredMs: number;
}

/** Where a reading begins. */
export type HistoryStart = { readonly sequence: number } | { readonly timeMs: number };

/** The stored stream of flows, read again without the correlators' shared consumer. */
export interface FlowHistory {
  position(): Promise<HistoryPosition>;
  /**
   * Groups of batches from `start` to a sequence, inclusive, in order. What
   * cannot be decoded was set aside before and is left out. Ends when `signal`
   * aborts; throws PicketError SERVER_UNREACHABLE when the stream cannot be read.
   */
  read(
    start: HistoryStart,
    toSequence: number,
    signal: AbortSignal,
  ): AsyncIterable<{ readonly batches: readonly StoredBatch[]; readonly sequence: number }>;
}
