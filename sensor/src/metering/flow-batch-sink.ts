import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { ArpOperation, Outcome, type FlowColumns } from "@picket/proto/batch/flow-columns.js";
import type { FlowRecordSink } from "./flow-record-sink.js";

/** Gathers records to batches and knows when the one at hand is due. */
export class FlowBatchSink implements FlowRecordSink {
  /** When the batch at hand must be flushed; infinity when it is empty. */
  dueUs = Number.POSITIVE_INFINITY;
  /** Time of its first record: an earlier time means that the clock was set back. */
  openedUs = Number.NEGATIVE_INFINITY;
  batches = 0;
  readonly columns: FlowColumns;
  private readonly builder: FlowBatchBuilder;

  constructor(
    private readonly onBatch: (columns: FlowColumns) => void,
    private readonly now: () => number,
    private readonly failedFlushUs: number,
    private readonly flushUs: number,
    seed: number,
  ) {
    this.builder = new FlowBatchBuilder(undefined, { seed });
    this.columns = this.builder.columns;
  }

  append(
    s0: number,
    s1: number,
    s2: number,
    s3: number,
    d0: number,
    d1: number,
    d2: number,
    d3: number,
  ): number {
    const row = this.builder.append(s0, s1, s2, s3, d0, d1, d2, d3);
    if (row !== -1) return row;
    this.flush();
    return this.builder.append(s0, s1, s2, s3, d0, d1, d2, d3);
  }

  filled(row: number): void {
    const outcome = this.columns.outcome[row];
    this.schedule(outcome !== Outcome.unknown && outcome !== Outcome.answered);
  }

  setFingerprint(row: number, bytes: Uint8Array, offset: number): boolean {
    return this.builder.setFingerprint(row, bytes, offset);
  }

  setName(row: number, bytes: Uint8Array, offset: number, length: number): boolean {
    return this.builder.setName(row, bytes, offset, length);
  }

  appendArp(
    senderAddress: number,
    targetAddress: number,
    senderMacHigh: number,
    senderMacLow: number,
    targetMacHigh: number,
    targetMacLow: number,
  ): number {
    const { builder } = this;
    const row = builder.appendArp(
      senderAddress,
      targetAddress,
      senderMacHigh,
      senderMacLow,
      targetMacHigh,
      targetMacLow,
    );
    if (row !== -1) return row;
    this.flush();
    return builder.appendArp(
      senderAddress,
      targetAddress,
      senderMacHigh,
      senderMacLow,
      targetMacHigh,
      targetMacLow,
    );
  }

  /** A request without an answer hurries like a failed contact. */
  arpFilled(): void {
    const { arp } = this.columns;
    const row = arp.length - 1;
    this.schedule(arp.operation[row] === ArpOperation.request && arp.answered[row] === 0);
  }

  flush(): void {
    this.dueUs = Number.POSITIVE_INFINITY;
    this.openedUs = Number.NEGATIVE_INFINITY;
    if (this.records === 0) return;
    this.batches++;
    this.onBatch(this.columns);
    this.builder.reset();
  }

  private get records(): number {
    return this.columns.length + this.columns.arp.length;
  }

  private schedule(isFailed: boolean): void {
    const nowUs = this.now();
    const dueUs = nowUs + (isFailed ? this.failedFlushUs : this.flushUs);
    if (this.records === 1) this.openedUs = nowUs;
    if (dueUs < this.dueUs) this.dueUs = dueUs;
  }
}
