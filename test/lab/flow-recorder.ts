import { jetstream, type ConsumerMessages } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { flowsPrefix, flowsStream, sensorOfSubject } from "@picket/correlator/adapters/nats/subjects.js";
import { addressKeyOfWords, formatAddressKey } from "@picket/correlator/windows/address-key.js";
import { decodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { FlowColumns } from "@picket/proto/batch/flow-columns.js";

/** A batch as the FLOWS stream stored it. */
export interface RecordedBatch {
  readonly sensor: string;
  readonly bytes: Uint8Array;
}

/** A flow record in the terms of the checks. */
export interface RecordedFlow {
  readonly sensor: string;
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  readonly protocol: number;
  readonly outcome: number;
  readonly startMs: number;
  readonly packets: number;
}

/** Keeps every batch of the FLOWS stream, from its first message on. */
export class FlowRecorder {
  readonly batches: RecordedBatch[] = [];
  readonly flows: RecordedFlow[] = [];
  #messages: ConsumerMessages | undefined;
  readonly #columns = new FlowColumns();

  async start(connection: NatsConnection): Promise<void> {
    const consumer = await jetstream(connection).consumers.get(flowsStream, {
      filter_subjects: `${flowsPrefix}*`,
    });
    this.#messages = await consumer.consume({
      callback: ({ subject, data }) => this.#take(sensorOfSubject(subject, flowsPrefix), data),
    });
  }

  async stop(): Promise<void> {
    await this.#messages?.close();
  }

  flowsOf(source: string): RecordedFlow[] {
    return this.flows.filter((flow) => flow.source === source);
  }

  #take(sensor: string | undefined, bytes: Uint8Array): void {
    const columns = this.#columns;
    const fault = sensor === undefined ? "sensor-name" : decodeFlowBatch(bytes, columns);
    if (sensor === undefined || fault !== undefined) throw new Error(`a batch cannot be decoded: ${fault}`);
    this.batches.push({ sensor, bytes: bytes.slice() });
    for (let row = 0; row < columns.length; row++)
      this.flows.push({
        sensor,
        source: addressText(columns, columns.sourceIndex[row]),
        destination: addressText(columns, columns.destinationIndex[row]),
        port: columns.destinationPort[row],
        protocol: columns.protocol[row],
        outcome: columns.outcome[row],
        startMs: columns.startUs[row] / 1000,
        packets: columns.forwardPackets[row],
      });
  }
}

function addressText(columns: FlowColumns, index: number): string {
  return formatAddressKey(addressKeyOfWords(columns.addressWords, index * 4));
}
