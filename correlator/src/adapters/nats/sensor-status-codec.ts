import { SensorStatus } from "@picket/proto/generated/picket/v1/sensor.js";
import { believedNetworks, type RefusedNetworks } from "../../sensors/network-claims.js";
import { sensorStates } from "../../sensors/sensor-registry.js";
import type { SensorRecord } from "../../sensors/sensor-registry.js";

/** Bounds of what a sensor may say of itself. */
const statusBytesMax = 65_536;
const textMax = 256;
const listMax = 64;
const countersMax = 256;
const counterName = /^[a-z0-9_]{1,64}$/;

/**
 * Reads a heartbeat; undefined when it is none. What is too long is cut.
 * @param arrivalMs our clock: the sensor's own is only compared with it.
 */
export function decodeSensorStatus(
  bytes: Uint8Array,
  name: string,
  arrivalMs: number,
): SensorRecord | undefined {
  const status = parse(bytes);
  const state = status && sensorStates[status.state - 1];
  if (status === undefined || state === undefined) return undefined;
  const refusedNetworks: RefusedNetworks = {};
  return {
    name,
    state,
    detail: status.detail.slice(0, textMax),
    version: status.version.slice(0, textMax),
    host: status.host.slice(0, textMax),
    interfaces: cut(status.interfaces),
    hostAddresses: cut(status.hostAddresses),
    linkNetworks: believedNetworks(status.linkNetworks, refusedNetworks),
    routedNetworks: believedNetworks(status.routedNetworks, refusedNetworks),
    refusedNetworks,
    startedMs: Number(status.startedTimeUs) / 1000,
    lastStatusMs: arrivalMs,
    clockSkewMs: Math.round(Number(status.timeUs) / 1000 - arrivalMs),
    counters: countersOf(status.counters),
    policyRevision: Number(status.policyRevision),
    packetsPerSecond: status.packetsPerSecond,
    appliedRecords: 0,
    lostRecords: 0,
  };
}

function parse(bytes: Uint8Array): SensorStatus | undefined {
  if (bytes.length > statusBytesMax) return undefined;
  try {
    return SensorStatus.decode(bytes);
  } catch {
    return undefined;
  }
}

function cut(texts: readonly string[]): string[] {
  return texts.slice(0, listMax).map((text) => text.slice(0, textMax));
}

function countersOf(counters: Readonly<Record<string, bigint>>): Record<string, number> {
  const known = Object.entries(counters).filter(([name]) => counterName.test(name));
  return Object.fromEntries(known.slice(0, countersMax).map(([name, value]) => [name, Number(value)]));
}
