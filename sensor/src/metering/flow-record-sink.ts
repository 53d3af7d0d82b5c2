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
  /** Gives the row appended last a fingerprint; false when the batch has no room for it. */
  setFingerprint(row: number, bytes: Uint8Array, offset: number): boolean;
  /** Gives the row appended last a host name; false when the batch has no room for it or it is none. */
  setName(row: number, bytes: Uint8Array, offset: number, length: number): boolean;
  /**
   * Row to fill in `columns.arp`, for two IPv4 addresses and two MACs (high 16
   * bits, low 32); makes room by itself.
   */
  appendArp(
    senderAddress: number,
    targetAddress: number,
    senderMacHigh: number,
    senderMacLow: number,
    targetMacHigh: number,
    targetMacLow: number,
  ): number;
  /** Every column of the ARP row appended last is filled. */
  arpFilled(): void;
}
