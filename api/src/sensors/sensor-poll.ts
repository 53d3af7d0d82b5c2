import type { SensorRecord } from "@picket/correlator/sensors/sensor-registry.js";

/** All watchers together ask the registry this often, milliseconds. */
const pollEveryMs = 1000;

/** The sensors as of at most a second ago, asked for once however many watch. */
export class SensorPoll {
  private latest: Promise<readonly SensorRecord[]> | undefined;
  private askedMs = -Infinity;

  /** @param list what the registry says now */
  constructor(
    private readonly list: () => Promise<readonly SensorRecord[]>,
    readonly everyMs = pollEveryMs,
  ) {}

  /** Rejects as the registry does; the next call asks again. */
  take(): Promise<readonly SensorRecord[]> {
    const nowMs = performance.now();
    if (this.latest !== undefined && nowMs - this.askedMs < this.everyMs) return this.latest;
    this.askedMs = nowMs;
    const asked = this.list();
    this.latest = asked;
    asked.catch(() => {
      if (this.latest === asked) this.latest = undefined;
    });
    return asked;
  }
}
