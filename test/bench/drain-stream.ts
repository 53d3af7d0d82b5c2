import { JetStreamApiError, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { headers } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { ensureStreams } from "@picket/correlator/adapters/nats/ensure-streams.js";
import {
  correlatorsConsumer,
  flowsPrefix,
  flowsStream,
  incidentsStream,
  sentAtHeader,
} from "@picket/correlator/adapters/nats/subjects.js";
import { encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { batchBytesMax } from "@picket/proto/batch/flow-columns.js";
import { FleetFlows } from "../scenarios/fleet-flows.js";

const settings = { replicas: 1, flowsBytesMax: 1024 ** 3, incidentsBytesMax: 1024 ** 3 };
const recordsPerBatch = 200;
const sensors = 200;
/** So that each sensor fills a batch in the two seconds after which it would be sent anyway. */
const flowsPerSecond = 20_000;
const inFlightMax = 256;

/** How much was stored. */
export interface FilledStream {
  readonly batches: number;
  readonly flows: number;
  readonly bytes: number;
}

/** One sentence about the traffic for the reader of a result. */
export const drainTraffic = `${sensors} sensors, ${flowsPerSecond} flows/s of event time, ${recordsPerBatch} flows (2 s) a batch`;

/**
 * Stores batches of a fleet in FLOWS as sensors would send them. Event time
 * begins now and runs ahead of the storing, so that nothing is too late.
 * @param failedShare share of the flows that are new failed contacts, 0 to 1
 */
export async function fillFlows(
  connection: NatsConnection,
  failedShare: number,
  flowsMin: number,
): Promise<FilledStream> {
  await ensureStreams(connection, settings);
  const fleet = new FleetFlows({
    seed: 11,
    sensors,
    failedShare,
    recordsPerBatch,
    startMs: Date.now(),
    flowsPerSecond,
    batchSpanMs: (recordsPerBatch * sensors * 1000) / flowsPerSecond,
  });
  const batches = Math.ceil(flowsMin / recordsPerBatch);
  const bytes = await publishBatches(connection, fleet, batches);
  return { batches, flows: batches * recordsPerBatch, bytes };
}

async function publishBatches(
  connection: NatsConnection,
  fleet: FleetFlows,
  batches: number,
): Promise<number> {
  const stream = jetstream(connection);
  const scratch = new Uint8Array(batchBytesMax);
  let bytes = 0;
  for (let from = 0; from < batches; from += inFlightMax) {
    const stored = [];
    for (let at = from; at < Math.min(batches, from + inFlightMax); at++) {
      const { sensor, builder } = fleet.next();
      const body = encodeFlowBatch(builder.columns, scratch).slice();
      bytes += body.length;
      const noted = headers();
      noted.set(sentAtHeader, String(Date.now() * 1000));
      stored.push(
        stream.publish(flowsPrefix + sensor, body, {
          headers: noted,
          msgID: `${sensor}.1.${builder.columns.sequence}`,
        }),
      );
    }
    await Promise.all(stored);
  }
  return bytes;
}

/** Makes the filled stream as if no correlator had been there: no consumer, no incident. */
export async function rewindFlows(connection: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false });
  await ignoreMissing(manager.consumers.delete(flowsStream, correlatorsConsumer));
  await ignoreMissing(manager.streams.delete(incidentsStream));
  await ensureStreams(connection, settings);
}

/** How far the shared consumer is: batches handed out at least once, and all acknowledged up to here. */
export interface DrainProgress {
  readonly delivered: number;
  readonly acknowledged: number;
}

/** Progress of the shared consumer; zeros while there is none. */
export async function drainProgress(connection: NatsConnection): Promise<DrainProgress> {
  const manager = await jetstreamManager(connection, { checkAPI: false });
  try {
    const info = await manager.consumers.info(flowsStream, correlatorsConsumer);
    return { delivered: info.delivered.stream_seq, acknowledged: info.ack_floor.stream_seq };
  } catch (error) {
    if (error instanceof JetStreamApiError) return { delivered: 0, acknowledged: 0 };
    throw error;
  }
}

async function ignoreMissing(deleted: Promise<boolean>): Promise<void> {
  await deleted.catch((error: unknown) => {
    if (!(error instanceof JetStreamApiError)) throw error;
  });
}
