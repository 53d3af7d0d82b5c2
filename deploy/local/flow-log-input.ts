import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import type { FlowLogFile } from "@picket/sensor/flow-log/zeek-conn-log.js";

import type { FlowInput, InputCounters, InputFile, OnBatch } from "./flow-input.js";

/** Flow records that another program wrote: a Zeek conn.log. */
export class FlowLogInput implements FlowInput {
  readonly sensor: string;
  readonly path: string;
  private readonly builder = new FlowBatchBuilder();
  private readUntilUs = 0;
  private hasEnded = false;
  readonly bytesRead = 0;
  readonly damage = undefined;

  constructor(
    input: InputFile,
    private readonly file: FlowLogFile,
    private readonly onBatch: OnBatch,
  ) {
    this.sensor = input.sensor;
    this.path = input.path;
  }

  get timeUs(): number {
    return this.hasEnded ? Infinity : this.readUntilUs;
  }

  /** Lines are written when a connection ends, so any start may still follow. */
  get settledUs(): number {
    return this.hasEnded ? Infinity : 0;
  }

  async next(): Promise<boolean> {
    if (this.hasEnded) return false;
    const goesOn = await this.file.next(this.builder);
    const { columns } = this.builder;
    for (let row = 0; row < columns.length; row++) {
      if (columns.endUs[row] > this.readUntilUs) this.readUntilUs = columns.endUs[row];
    }
    if (columns.length > 0) this.onBatch(this, columns);
    this.builder.reset();
    this.hasEnded = !goesOn;
    return goesOn;
  }

  counters(): InputCounters {
    return {
      records_read: this.file.counters.recordsRead,
      records_corrupt: this.file.counters.recordsCorrupt,
    };
  }

  async close(): Promise<void> {
    await this.file.stop();
  }
}
