import { setTimeout as delay } from "node:timers/promises";
import type { SensorRecord } from "@picket/correlator/sensors/sensor-registry.js";
import type { SensorPoll } from "./sensor-poll.js";

/** Numbers that change all the time are told again this often, milliseconds. */
const numbersEveryMs = 5000;

export interface SensorChangesOptions {
  readonly isWanted: (sensor: SensorRecord) => boolean;
  readonly heartbeatIntervalMs: number;
  readonly signal: AbortSignal;
}

/** What one watcher was last told of a sensor. */
interface Told {
  readonly state: string;
  readonly numbers: string;
  readonly atMs: number;
}

/**
 * Every sensor once, then whenever it changed, until `signal` aborts; undefined
 * is a heartbeat: everything up to now was told, the first time right after the
 * snapshot. A slow watcher skips what changed back meanwhile: nothing is queued.
 */
export async function* sensorChanges(
  poll: SensorPoll,
  options: SensorChangesOptions,
): AsyncGenerator<SensorRecord | undefined, void, void> {
  const { signal } = options;
  const told = new Map<string, Told>();
  let heartbeatAtMs = 0;
  let isSnapshot = true;
  while (!signal.aborted) {
    for (const sensor of (await poll.take()).filter(options.isWanted)) {
      if (!isNews(sensor, told.get(sensor.name))) continue;
      told.set(sensor.name, { ...textOf(sensor), atMs: performance.now() });
      yield sensor;
      heartbeatAtMs = performance.now() + options.heartbeatIntervalMs;
      if (signal.aborted) return;
    }
    if (isSnapshot || performance.now() >= heartbeatAtMs) {
      isSnapshot = false;
      yield undefined;
      heartbeatAtMs = performance.now() + options.heartbeatIntervalMs;
    }
    await delay(poll.everyMs, undefined, { signal }).catch(() => {});
  }
}

function isNews(sensor: SensorRecord, told: Told | undefined): boolean {
  if (told === undefined) return true;
  const { state, numbers } = textOf(sensor);
  if (state !== told.state) return true;
  return numbers !== told.numbers && performance.now() - told.atMs >= numbersEveryMs;
}

/** What a person wants to hear of at once, and the rest. */
function textOf(sensor: SensorRecord): { state: string; numbers: string } {
  const { counters, packetsPerSecond, lastStatusMs, clockSkewMs, appliedRecords, ...state } = sensor;
  return {
    state: JSON.stringify(state),
    numbers: JSON.stringify([counters, packetsPerSecond, lastStatusMs, clockSkewMs, appliedRecords]),
  };
}
