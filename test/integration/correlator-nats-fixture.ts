import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { jetstream } from "@nats-io/jetstream";
import { headers } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { ensureStreams } from "@picket/correlator/adapters/nats/ensure-streams.js";
import { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import type { StreamSettings } from "@picket/correlator/adapters/nats/streams.js";
import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { batchBytesMax, FlowEndReason, Outcome, RecordKind } from "@picket/proto/batch/flow-columns.js";

/** Small enough for any disk a test runs on. */
export const testStreams: StreamSettings = {
  replicas: 1,
  flowsBytesMax: 64 * 1024 * 1024,
  incidentsBytesMax: 16 * 1024 * 1024,
};

/** A link with the streams in place; the caller stops it. */
export async function connectedLink(url: string, name = "test"): Promise<NatsLink> {
  const link = new NatsLink({ urls: [url] }, name);
  link.start();
  await ensureStreams(await link.ready(), testStreams);
  return link;
}

/** Waits for a condition; throws when it does not come true in time. */
export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  withinMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await delay(10);
  }
}

/** An encoded batch of `records` refused contacts from 10.0.0.9. */
export function encodedBatch(sequence: number, records = 3, epoch: Uint8Array = randomBytes(16)): Uint8Array {
  const builder = new FlowBatchBuilder();
  const { columns } = builder;
  for (let i = 0; i < records; i++) {
    const row = builder.append(0, 0, 0xffff, 0x0a000009, 0, 0, 0xffff, 0x0a000100 + i);
    columns.sourcePort[row] = 40_000 + i;
    columns.destinationPort[row] = 22;
    columns.protocol[row] = 6;
    columns.outcome[row] = Outcome.refused;
    columns.endReason[row] = FlowEndReason.endDetected;
    columns.recordKind[row] = RecordKind.only;
    columns.startUs[row] = Date.now() * 1000;
    columns.endUs[row] = columns.startUs[row] + 1000;
    columns.forwardPackets[row] = 1;
    columns.forwardBytes[row] = 60;
  }
  columns.epoch.set(epoch);
  columns.sequence = sequence;
  return encodeFlowBatch(columns, new Uint8Array(batchBytesMax)).slice();
}

/** An encoded batch of one refused first contact of an IPv4 source with a host, as the sensor there saw it. */
export function encodedProbe(source: number, host: number, port: number): Uint8Array {
  const builder = new FlowBatchBuilder();
  const { columns } = builder;
  const row = builder.append(0, 0, 0xffff, source, 0, 0, 0xffff, host);
  columns.sourcePort[row] = 40_000;
  columns.destinationPort[row] = port;
  columns.protocol[row] = 6;
  columns.outcome[row] = Outcome.refused;
  columns.endReason[row] = FlowEndReason.endDetected;
  columns.recordKind[row] = RecordKind.only;
  columns.startUs[row] = Date.now() * 1000;
  columns.endUs[row] = columns.startUs[row] + 500;
  columns.forwardPackets[row] = 1;
  columns.forwardBytes[row] = 60;
  columns.epoch.set(randomBytes(16));
  columns.sequence = 1;
  return encodeFlowBatch(columns, new Uint8Array(batchBytesMax)).slice();
}

/** Stores a flow message as a sensor does. */
export async function publishBatch(
  connection: NatsConnection,
  sensor: string,
  bytes: Uint8Array,
  sentUs = Date.now() * 1000,
): Promise<void> {
  const sent = headers();
  sent.set("Picket-Sent-At", String(sentUs));
  await jetstream(connection).publish(`picket.flows.v1.${sensor}`, bytes, { headers: sent });
}
