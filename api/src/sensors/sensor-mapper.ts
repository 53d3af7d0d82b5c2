import { sensorStates, type SensorRecord } from "@picket/correlator/sensors/sensor-registry.js";
import type * as wire from "@picket/proto/generated/picket/v1/sensor.js";
import { toEnum, toOptionalTimestamp, toUint64 } from "../grpc/wire-value-mapper.js";

/** The API message of a sensor. */
export function toWireSensor(sensor: SensorRecord): wire.Sensor {
  return {
    name: sensor.name,
    state: toEnum(sensorStates, sensor.state),
    detail: sensor.detail,
    version: sensor.version,
    host: sensor.host,
    interfaces: [...sensor.interfaces],
    hostAddresses: [...sensor.hostAddresses],
    linkNetworks: [...(sensor.linkNetworks ?? [])],
    routedNetworks: [...(sensor.routedNetworks ?? [])],
    refusedNetworks: toCounts(sensor.refusedNetworks ?? {}),
    startedTime: toOptionalTimestamp(sensor.startedMs),
    lastStatusTime: toOptionalTimestamp(sensor.lastStatusMs),
    clockSkewMs: BigInt(Math.round(sensor.clockSkewMs)),
    counters: toCounts(sensor.counters),
    policyRevision: toUint64(sensor.policyRevision),
    packetsPerSecond: sensor.packetsPerSecond,
    appliedRecords: toUint64(sensor.appliedRecords),
    lostRecords: toUint64(sensor.lostRecords),
    rejectedBatches: toCounts(sensor.rejectedBatches ?? {}),
    appliedSinceTime: toOptionalTimestamp(sensor.appliedSinceMs ?? 0),
  };
}

function toCounts(counts: Readonly<Record<string, number>>): Record<string, bigint> {
  return Object.fromEntries(Object.entries(counts).map(([name, value]) => [name, toUint64(value)]));
}
