import { decodeFlowBatch, encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { batchBytesMax, FlowColumns } from "@picket/proto/batch/flow-columns.js";

/** Takes the batches of a pipeline over the wire and adds up what arrives. */
export class BatchCheck {
  packets = 0;
  bytes = 0;
  records = 0;
  /** What was wrong first; undefined while nothing is. */
  failure: string | undefined;
  private readonly scratch = new Uint8Array(batchBytesMax * 4);
  private readonly received = new FlowColumns();

  /** Checks one batch as the pipeline hands it over. */
  check(columns: FlowColumns): void {
    columns.epoch.fill(1);
    columns.sequence = 1;
    const encoded = encodeFlowBatch(columns, this.scratch);
    if (encoded.length > batchBytesMax) this.failure ??= `a batch of ${encoded.length} bytes`;
    const error = decodeFlowBatch(encoded, this.received);
    if (error !== undefined) this.failure ??= `a batch that is no batch: ${JSON.stringify(error)}`;
    this.add(columns.length);
  }

  private add(length: number): void {
    const { received } = this;
    if (received.length !== length) this.failure ??= `${length} records sent, ${received.length} received`;
    for (let row = 0; row < received.length; row++) {
      this.packets += received.forwardPackets[row] + received.reversePackets[row];
      this.bytes += received.forwardBytes[row] + received.reverseBytes[row];
      if (received.endUs[row] < received.startUs[row]) this.failure ??= "a record that ends before it begins";
    }
    this.records += received.length;
  }
}
