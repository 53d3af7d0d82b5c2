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
  readonly startedMs: number;
  readonly lastStatusMs: number;
  /** Positive when the sensor's clock is ahead. */
  readonly clockSkewMs: number;
  readonly counters: Readonly<Record<string, number>>;
  readonly policyRevision: number;
  readonly packetsPerSecond: number;
  readonly appliedRecords: number;
  readonly lostRecords: number;
}

/** A sensor that sent no status for this long is silent. */
export const silentAfterMs = 15_000;

/** Who the sensors are and how they do: fed by heartbeats and gap records. */
export interface SensorRegistry {
  /** In order of name; a sensor whose last status is older than `silentAfterMs` before `nowMs` is silent. */
  list(nowMs: number): Promise<SensorRecord[]>;
  /** Stores a heartbeat's record; `appliedRecords` and `lostRecords` are kept by the registry itself. */
  recordStatus(record: SensorRecord): Promise<void>;
  recordApplied(name: string, records: number): Promise<void>;
  recordLost(name: string, records: number, reason: string): Promise<void>;
  close(): Promise<void>;
}

/** 32-bit FNV-1a of a sensor's name: its identity in window members. */
export function sensorHash(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
