import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import {
  type FlowColumns,
  FlowEndReason,
  HostDirection,
  Outcome,
  RecordKind,
} from "@picket/proto/batch/flow-columns.js";
import type { FlowDelivery } from "@picket/correlator/flows/flow-source.js";
import ipaddr from "ipaddr.js";
import { SeededRandom } from "../scenarios/seeded-random.js";

/** One flow as a scenario writes it. */
export interface ScenarioFlow {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  readonly timeMs: number;
  readonly outcome: Outcome;
  readonly protocol?: number;
  readonly sourcePort?: number;
  readonly stealth?: number;
  /** Default: 50 ms when answered. */
  readonly durationMs?: number;
  readonly forwardPackets?: number;
  readonly reversePackets?: number;
  readonly forwardBytes?: number;
  readonly reverseBytes?: number;
  /** The initiator's TCP flags together. */
  readonly flags?: number;
  /** See `Application`. */
  readonly application?: number;
  /** See `HostDirection`; default transit. */
  readonly direction?: number;
  readonly isPortClosed?: boolean;
  /** SYN fingerprint, 12 bytes. */
  readonly fingerprint?: Uint8Array;
  /** Host name that the flow asked for or named. */
  readonly name?: string;
}

/** A batch ready to be delivered any number of times. */
export interface ScenarioBatch {
  readonly sensor: string;
  readonly columns: FlowColumns;
}

/** How flows reach the correlators. */
export interface Spread {
  readonly sensors: number;
  readonly seed: number;
  /** Every flow is reported by two sensors where there are two. */
  readonly isDuplicated?: boolean;
  readonly recordsPerBatch?: number;
}

/** A moment that starts a UTC day, 2026-09-21. */
export const scenarioStartMs = 1_789_948_800_000;

/** Flows shuffled and packed into batches of the given number of sensors. */
export function spreadFlows(flows: readonly ScenarioFlow[], spread: Spread): ScenarioBatch[] {
  const random = new SeededRandom(spread.seed);
  const bySensor: ScenarioFlow[][] = Array.from({ length: spread.sensors }, () => []);
  for (const flow of flows) {
    const sensor = random.below(spread.sensors);
    bySensor[sensor].push(flow);
    if (spread.isDuplicated) bySensor[(sensor + 1) % spread.sensors].push(flow);
  }
  const batches = bySensor.flatMap((assigned, sensor) =>
    packFlows(shuffle(assigned, random), `sensor-${sensor}`, spread.recordsPerBatch ?? 50),
  );
  return shuffle(batches, random);
}

/** Batches of one sensor, in the order given. */
export function packFlows(
  flows: readonly ScenarioFlow[],
  sensor: string,
  recordsPerBatch: number,
): ScenarioBatch[] {
  const batches: ScenarioBatch[] = [];
  for (let from = 0; from < flows.length; from += recordsPerBatch) {
    const builder = new FlowBatchBuilder(recordsPerBatch);
    for (const flow of flows.slice(from, from + recordsPerBatch)) appendFlow(builder, flow);
    builder.columns.sequence = batches.length + 1;
    builder.columns.epoch.fill(7);
    batches.push({ sensor, columns: builder.columns });
  }
  return batches;
}

/** A delivery that is acknowledged into nothing, as a redelivered one is. */
export function deliveryOf(batch: ScenarioBatch): FlowDelivery {
  return {
    sensor: batch.sensor,
    columns: batch.columns,
    ingestMs: 0,
    sentMs: 0,
    acknowledge: () => undefined,
    retry: () => undefined,
  };
}

/** A copy in another order (Fisher-Yates). */
export function shuffle<T>(values: readonly T[], random: SeededRandom): T[] {
  const shuffled = [...values];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]];
  }
  return shuffled;
}

function appendFlow(builder: FlowBatchBuilder, flow: ScenarioFlow): void {
  const s = wordsOf(flow.source);
  const d = wordsOf(flow.destination);
  const row = builder.append(s[0], s[1], s[2], s[3], d[0], d[1], d[2], d[3]);
  if (row < 0) throw new Error("the scenario's batch is full");
  const { columns } = builder;
  columns.sourcePort[row] = flow.sourcePort ?? 40_000 + (flow.port % 20_000);
  columns.destinationPort[row] = flow.port;
  columns.protocol[row] = flow.protocol ?? 6;
  columns.outcome[row] = flow.outcome;
  columns.endReason[row] = FlowEndReason.endDetected;
  columns.recordKind[row] = RecordKind.only;
  columns.stealthKind[row] = flow.stealth ?? 0;
  columns.startUs[row] = flow.timeMs * 1000;
  const durationMs = flow.durationMs ?? (flow.outcome === Outcome.answered ? 50 : 0);
  columns.endUs[row] = (flow.timeMs + durationMs) * 1000;
  columns.forwardPackets[row] = flow.forwardPackets ?? 1;
  columns.forwardBytes[row] = flow.forwardBytes ?? 60;
  columns.reversePackets[row] = flow.reversePackets ?? 0;
  columns.reverseBytes[row] = flow.reverseBytes ?? 0;
  columns.forwardTcpFlags[row] = flow.flags ?? 0;
  columns.application[row] = flow.application ?? 0;
  columns.direction[row] = flow.direction ?? HostDirection.transit;
  columns.closedPort[row] = flow.isPortClosed === true ? 1 : 0;
  if (flow.fingerprint !== undefined) builder.setFingerprint(row, flow.fingerprint, 0);
  if (flow.name !== undefined) builder.setName(row, Buffer.from(flow.name), 0, flow.name.length);
}

function wordsOf(text: string): number[] {
  const address = ipaddr.process(text);
  const bytes =
    address.kind() === "ipv4"
      ? [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...address.toByteArray()]
      : address.toByteArray();
  const view = new DataView(Uint8Array.from(bytes).buffer);
  return [0, 4, 8, 12].map((offset) => view.getUint32(offset));
}
