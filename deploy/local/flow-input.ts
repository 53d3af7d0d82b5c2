import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";

/** A file that acts as one sensor. */
export interface InputFile {
  readonly sensor: string;
  /** Path, or "-" for the standard input. */
  readonly path: string;
}

/** What a file says of itself, by counter name. */
export type InputCounters = Readonly<Record<string, number>>;

/** Receives a batch of an input; the columns are reused after the call. */
export type OnBatch = (input: FlowInput, columns: FlowColumns) => void;

/** Flow records of one file, pulled a block at a time. */
export interface FlowInput extends InputFile {
  /**
   * Reads the next block and hands over the batches it completes; false once
   * the file has ended and its last batch was handed over.
   */
  next(): Promise<boolean>;
  /** Event time read so far, microseconds; 0 before the first block, Infinity at the end. */
  readonly timeUs: number;
  /** No later record starts before this, but for the allowed lateness; microseconds. */
  readonly settledUs: number;
  /** About how many bytes of packets or records were read, for a progress bar. */
  readonly bytesRead: number;
  /** One line that says where the file is damaged; everything before it was read. */
  readonly damage: string | undefined;
  counters(): InputCounters;
  close(): Promise<void>;
}
