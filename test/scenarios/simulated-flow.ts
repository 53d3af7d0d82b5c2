import type { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import {
  Application,
  FlowEndReason,
  HostDirection,
  Outcome,
  RecordKind,
  type FlowColumns,
} from "@picket/proto/batch/flow-columns.js";

export const tcp = 6;
export const udp = 17;
/** A contact without an answer for this long is ignored, milliseconds. */
const holdMs = 1500;
/** A flow that goes on has a record of its own after this long, milliseconds. */
const firstRecordMs = 2000;
/** An idle UDP flow ends after this long, milliseconds. */
const udpIdleMs = 30_000;

/** One biflow of a fleet, before any sensor made records of it. Addresses are IPv4 as numbers. */
export interface SimulatedFlow {
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly port: number;
  readonly protocol: number;
  readonly outcome: Outcome;
  /** Event time, milliseconds since the Unix epoch. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** What its payload says; default: by its port. */
  readonly application?: Application;
}

/** A flow and the hosts of the fleet at its ends; undefined where no sensor runs. */
export interface FleetFlow {
  readonly flow: SimulatedFlow;
  /** Number of the host. */
  readonly from: number | undefined;
  readonly to: number | undefined;
}

/** A record that one sensor emits of a flow. */
export interface SimulatedRecord {
  /** Number of the sensor. */
  readonly sensor: number;
  readonly flow: SimulatedFlow;
  readonly kind: RecordKind;
  readonly direction: HostDirection;
  /** When the sensor has it: the packet or the expiry that decides, milliseconds since the Unix epoch. */
  readonly emitMs: number;
}

/** True when the flow's first contact failed. */
export function isFailed(flow: SimulatedFlow): boolean {
  return flow.outcome !== Outcome.answered;
}

/** When the sensors know what became of it, milliseconds since the Unix epoch. */
export function decidedMs({ outcome, startMs, durationMs }: SimulatedFlow): number {
  return startMs + (outcome === Outcome.ignored ? holdMs : Math.min(durationMs, firstRecordMs));
}

/** The records of both ends. */
export function recordsAtEnds({ flow, from, to }: FleetFlow): SimulatedRecord[] {
  return [
    ...(from === undefined ? [] : recordsOf(flow, from, HostDirection.outbound)),
    ...(to === undefined ? [] : recordsOf(flow, to, HostDirection.inbound)),
  ];
}

/** The records that a sensor at one end makes of a flow: one, or a first and a last one. */
function recordsOf(flow: SimulatedFlow, sensor: number, direction: HostDirection): SimulatedRecord[] {
  const endMs = flow.startMs + flow.durationMs + (flow.protocol === udp ? udpIdleMs : 0);
  if (isFailed(flow)) return [{ sensor, flow, kind: RecordKind.only, direction, emitMs: decidedMs(flow) }];
  if (endMs - flow.startMs < firstRecordMs)
    return [{ sensor, flow, kind: RecordKind.only, direction, emitMs: endMs }];
  return [
    { sensor, flow, kind: RecordKind.first, direction, emitMs: flow.startMs + firstRecordMs },
    { sensor, flow, kind: RecordKind.last, direction, emitMs: endMs },
  ];
}

/** Appends a record; false when the batch has no room left. */
export function appendRecord(builder: FlowBatchBuilder, record: SimulatedRecord): boolean {
  const { source, destination } = record.flow;
  const row = builder.append(0, 0, 0xffff, source >>> 0, 0, 0, 0xffff, destination >>> 0);
  if (row === -1) return false;
  fillKey(builder.columns, row, record);
  fillCounters(builder.columns, row, record);
  return true;
}

function fillKey(columns: FlowColumns, row: number, { flow, kind, direction }: SimulatedRecord): void {
  const isInbound = direction === HostDirection.inbound;
  columns.sourcePort[row] = flow.sourcePort;
  columns.destinationPort[row] = flow.port;
  columns.protocol[row] = flow.protocol;
  columns.outcome[row] = flow.outcome;
  columns.endReason[row] = endReasonOf(flow, kind);
  columns.recordKind[row] = kind;
  columns.stealthKind[row] = 0;
  columns.oneSided[row] = flow.outcome === Outcome.ignored && !isInbound ? 1 : 0;
  columns.upgrade[row] = 0;
  columns.closedPort[row] = isInbound && flow.outcome === Outcome.refused ? 1 : 0;
  columns.direction[row] = direction;
  columns.application[row] = applicationOf(flow);
  columns.forwardTcpFlags[row] = flow.protocol === tcp ? forwardFlags[flow.outcome] : 0;
  columns.reverseTcpFlags[row] = flow.protocol === tcp ? reverseFlags[flow.outcome] : 0;
}

/** Microseconds, as sensors measure; a first record says nothing of what is still to come. */
function fillCounters(columns: FlowColumns, row: number, { flow, kind, emitMs }: SimulatedRecord): void {
  const isFirst = kind === RecordKind.first;
  const endMs = Math.min(flow.startMs + flow.durationMs, emitMs);
  const isRepeated = kind === RecordKind.last && flow.protocol === udp;
  const request = isFirst && flow.protocol === tcp ? 60 : isRepeated ? 0 : flow.requestBytes;
  const response = isFirst && flow.protocol === tcp ? 60 : isRepeated ? 0 : flow.responseBytes;
  columns.startUs[row] = Math.floor(flow.startMs * 1000);
  columns.endUs[row] = Math.max(columns.startUs[row], Math.floor(endMs * 1000));
  columns.forwardPackets[row] = packetsOf(request, flow);
  columns.reversePackets[row] = packetsOf(response, flow);
  columns.forwardBytes[row] = request + 40 * columns.forwardPackets[row];
  columns.reverseBytes[row] = response + 40 * columns.reversePackets[row];
}

/** By outcome: unknown, ignored, unreachable, refused, half-open, answered. */
const forwardFlags = [0, 0x02, 0x02, 0x02, 0x06, 0x1b] as const;
const reverseFlags = [0, 0, 0, 0x14, 0x12, 0x1b] as const;

function packetsOf(payloadBytes: number, { protocol, outcome }: SimulatedFlow): number {
  if (payloadBytes === 0) return 0;
  if (protocol === udp || outcome !== Outcome.answered) return 1;
  return 4 + Math.ceil(payloadBytes / 1448);
}

function endReasonOf({ protocol, outcome }: SimulatedFlow, kind: RecordKind): FlowEndReason {
  if (kind === RecordKind.first) return FlowEndReason.open;
  if (protocol === udp || outcome === Outcome.ignored) return FlowEndReason.idleTimeout;
  return FlowEndReason.endDetected;
}

function applicationOf({ protocol, port, outcome, application }: SimulatedFlow): Application {
  if (application !== undefined) return application;
  if (outcome !== Outcome.answered) return Application.unknown;
  if (port === 53 && protocol === udp) return Application.dns;
  if (port === 80) return Application.http;
  if (port === 443) return Application.tls;
  return port === 22 ? Application.ssh : Application.other;
}
