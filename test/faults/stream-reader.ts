import { setTimeout as delay } from "node:timers/promises";
import { jetstream } from "@nats-io/jetstream";
import type { ConsumerMessages } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { decodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { decodeGap } from "@picket/sensor/export/gap-codec.js";
import type { Gap } from "@picket/sensor/export/gap.js";

/** A batch of the stream, without its flows. */
export interface StoredBatch {
  /** Hexadecimal. */
  readonly epoch: string;
  readonly sequence: number;
  readonly records: number;
  /** Start of its last flow, which is about when it was made, milliseconds since the Unix epoch. */
  readonly madeMs: number;
  /** When the stream stored it. */
  readonly storedMs: number;
}

/** Reads the FLOWS stream from its beginning while it grows, in the stream's order. */
export class StreamReader {
  readonly batches: StoredBatch[] = [];
  readonly gaps: Gap[] = [];
  invalid = 0;
  readonly #columns = new FlowColumns();
  #connection: NatsConnection | undefined;
  #messages: ConsumerMessages | undefined;

  /** Waits for the server and the stream. */
  async start(url: string): Promise<void> {
    const connection = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
    this.#connection = connection;
    while (this.#messages === undefined) {
      try {
        const consumer = await jetstream(connection, { timeout: 1000 }).consumers.get("FLOWS");
        this.#messages = await consumer.consume({
          callback: (message) =>
            this.#take(message.subject, message.data, Number(message.info.timestampNanos) / 1e6),
        });
      } catch {
        await delay(50);
      }
    }
  }

  async stop(): Promise<void> {
    await this.#messages?.close();
    await this.#connection?.close();
  }

  /** Records of all batches. */
  get records(): number {
    return this.batches.reduce((sum, { records }) => sum + records, 0);
  }

  /** Records that gaps say are lost. */
  get lost(): number {
    return this.gaps.reduce((sum, { records }) => sum + records, 0);
  }

  #take(subject: string, bytes: Uint8Array, storedMs: number): void {
    if (subject.startsWith("picket.gaps.")) {
      const gap = decodeGap(bytes);
      if (gap === undefined) this.invalid++;
      else this.gaps.push(gap);
      return;
    }
    const columns = this.#columns;
    if (decodeFlowBatch(bytes, columns) !== undefined) return void this.invalid++;
    this.batches.push({
      epoch: Buffer.from(columns.epoch).toString("hex"),
      sequence: columns.sequence,
      records: columns.length,
      madeMs: columns.startUs[columns.length - 1] / 1000,
      storedMs,
    });
  }
}
