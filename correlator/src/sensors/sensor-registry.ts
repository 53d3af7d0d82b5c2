import type { RefusedNetworks } from "./network-claims.js";
import type { AppliedBatch, RejectedBatch, ReportedGap } from "./batch-account.js";

/** In the order of the wire enum (from 1). */
export const sensorStates = ["running", "degraded", "waiting", "silent", "stopped"] as const;
export type SensorState = (typeof sensorStates)[number];

/** A sensor as the fleet sees it; times are milliseconds. */
export interface SensorRecord {
  readonly name: string;
  readonly state: SensorState;
  readonly detail: string;
  readonly version: string;
  readonly host: string;
  readonly interfaces: readonly string[];
  readonly hostAddresses: readonly string[];
  /** Networks that its host is on, as CIDR blocks; none where the sensor is too old to tell. */
  readonly linkNetworks?: readonly string[];
  /** Private networks that its host has a route to. */
  readonly routedNetworks?: readonly string[];
  /** Networks that it tells and that are not believed. */
  readonly refusedNetworks?: RefusedNetworks;
  readonly startedMs: number;
  readonly lastStatusMs: number;
  /** Positive when the sensor's clock is ahead. */
  readonly clockSkewMs: number;
  readonly counters: Readonly<Record<string, number>>;
  readonly policyRevision: number;
  readonly packetsPerSecond: number;
  readonly appliedRecords: number;
  readonly lostRecords: number;
  /** Messages that could not be used and were set aside, by reason. */
  readonly rejectedBatches?: Readonly<Record<string, number>>;
  /** When the earliest batch in `appliedRecords` was stored, milliseconds; 0 or absent when none is. */
  readonly appliedSinceMs?: number;
}

/** A sensor that sent no status for this long is silent. */
export const silentAfterMs = 15_000;

/** Who the sensors are and how they do: fed by heartbeats and gap records. */
export interface SensorRegistry {
  /** In order of name; a sensor whose last status is older than `silentAfterMs` before `nowMs` is silent. */
  list(nowMs: number): Promise<SensorRecord[]>;
  /** Stores a heartbeat's record; what was applied, lost and rejected is kept by the registry itself. */
  recordStatus(record: SensorRecord): Promise<void>;
  /**
   * Counts each batch once, by whomever and in whatever order it is reported.
   * Resolves when that is durable; throws when it may not be, and is then done again.
   */
  recordApplied(batches: readonly AppliedBatch[]): Promise<void>;
  /** Counts each gap once; as `recordApplied`. */
  recordGaps(gaps: readonly ReportedGap[]): Promise<void>;
  /** Counts each message that was set aside once; as `recordApplied`. */
  recordRejected(batches: readonly RejectedBatch[]): Promise<void>;
  /** Records lost within this process, which are told once and have no number. */
  recordLost(name: string, records: number, reason: string): Promise<void>;
  close(): Promise<void>;
}

/** 32-bit FNV-1a of a sensor's name: its identity in window members. */
export function sensorHash(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
