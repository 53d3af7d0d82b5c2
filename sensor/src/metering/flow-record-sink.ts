import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";

/** Where metering writes its records. */
export interface FlowRecordSink {
  readonly columns: FlowColumns;
  /** Row to fill in `columns`, for addresses of four words each; makes room by itself. */
  append(
    s0: number,
    s1: number,
    s2: number,
    s3: number,
    d0: number,
    d1: number,
    d2: number,
    d3: number,
  ): number;
  /** Every column of the row is filled. */
  filled(row: number): void;
}
