import type { SensorRecord } from "../sensor-registry.js";

/** A sensor that runs and reported nothing yet, with what matters replaced. */
export function sensorRecord(fields: Partial<SensorRecord> = {}): SensorRecord {
  return {
    name: "lab-01",
    state: "running",
    detail: "",
    version: "0.1.0",
    host: "lab-01",
    interfaces: [],
    hostAddresses: [],
    startedMs: 0,
    lastStatusMs: 0,
    clockSkewMs: 0,
    counters: {},
    policyRevision: 0,
    packetsPerSecond: 0,
    appliedRecords: 0,
    lostRecords: 0,
    ...fields,
  };
}
