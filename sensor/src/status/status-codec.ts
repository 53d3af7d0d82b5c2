import { SensorState, SensorStatus as WireStatus } from "@picket/proto/generated/picket/v1/sensor.js";
import type { SensorStatus } from "./sensor-status.js";

const states: Readonly<Record<SensorStatus["state"], SensorState>> = {
  running: SensorState.SENSOR_STATE_RUNNING,
  degraded: SensorState.SENSOR_STATE_DEGRADED,
  waiting: SensorState.SENSOR_STATE_WAITING,
  stopped: SensorState.SENSOR_STATE_STOPPED,
};

/** A heartbeat as a `picket.v1.SensorStatus`. */
export function encodeStatus(status: SensorStatus): Uint8Array {
  return WireStatus.encode({
    epoch: Buffer.from(status.epoch),
    version: status.version,
    timeUs: whole(status.timeUs),
    startedTimeUs: whole(status.startedUs),
    host: status.host,
    interfaces: [...status.interfaces],
    hostAddresses: [...status.hostAddresses],
    linkNetworks: [...status.linkNetworks],
    routedNetworks: [...status.routedNetworks],
    state: states[status.state],
    detail: status.detail,
    counters: wireCounters(status.counters),
    policyRevision: whole(status.policyRevision),
    packetsPerSecond: status.packetsPerSecond,
  }).finish();
}

function wireCounters(counters: SensorStatus["counters"]): WireStatus["counters"] {
  return Object.fromEntries(Object.entries(counters).map(([name, value]) => [name, whole(value)]));
}

function whole(value: number): bigint {
  return BigInt(Math.max(0, Math.round(value)));
}
