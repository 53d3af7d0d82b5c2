import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import type { FlowRecordSink } from "../flow-record-sink.js";

/** Hands on every record alone: a batch never holds more than the record at hand. */
export abstract class OneRecordSink implements FlowRecordSink {
  readonly columns: FlowColumns;
  private readonly builder = new FlowBatchBuilder(64);

  constructor() {
    this.columns = this.builder.columns;
  }

  abstract filled(row: number): void;

  append(...words: Parameters<FlowRecordSink["append"]>): number {
    this.builder.reset();
    return this.builder.append(...words);
  }

  setFingerprint(row: number, bytes: Uint8Array, offset: number): boolean {
    return this.builder.setFingerprint(row, bytes, offset);
  }

  setName(row: number, bytes: Uint8Array, offset: number, length: number): boolean {
    return this.builder.setName(row, bytes, offset, length);
  }

  appendArp(...values: Parameters<FlowRecordSink["appendArp"]>): number {
    this.builder.reset();
    return this.builder.appendArp(...values);
  }

  arpFilled(): void {}
}
