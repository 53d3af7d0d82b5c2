import { gapIdentity, type ReportedGap } from "./batch-account.js";
import { joinLapses, touches, type CoverageLapse, type LapseReason } from "./coverage-lapse.js";
import type { SensorRecord } from "./sensor-registry.js";

/** Lapses are remembered for this long after their end: an incident is open for a day. */
const keptMs = 25 * 3_600_000;
const lapsesPerSensorMax = 256;
const sensorsMax = 10_000;
const gapsMax = 20_000;
/** Drops of one sensor within this time are one lapse. */
const dropSpanMs = 60_000;
const droppedCounter = "packets_dropped_kernel";
/** A sensor's clock may be this far off before the times it states are corrected. */
const deadZoneMs = 2000;

interface SensorPast {
  lapses: CoverageLapse[];
  /** Undefined when only a gap record told of the sensor. */
  last: SensorRecord | undefined;
}

/** A span of time, both ends included; milliseconds. */
export interface TimeSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * When each sensor did not see everything, as far as this process was told: by
 * states and counters of heartbeats, and by gap records. Bounded in sensors,
 * lapses and time; what is too much is forgotten, the oldest first, and counted.
 */
export class CoverageHistory {
  readonly counters = { lapsesForgotten: 0 };
  private readonly sensors = new Map<string, SensorPast>();
  private readonly gaps = new Set<string>();
  private changed: TimeSpan | undefined;
  private observedMs = 0;

  /** @param records what the registry says at `nowMs` */
  observe(records: readonly SensorRecord[], nowMs: number): void {
    for (const record of records) if (record.lastStatusMs > 0) this.observeSensor(record);
    this.observedMs ||= nowMs;
    this.forgetBefore(nowMs - keptMs);
  }

  /** What a gap record told; the same one again changes nothing. */
  addGap(gap: ReportedGap, nowMs: number): void {
    const identity = `${gap.sensor}:${gapIdentity(gap)}`;
    const past = this.pastOf(gap.sensor);
    if (past === undefined || this.gaps.has(identity)) return;
    if (this.gaps.size >= gapsMax) this.gaps.clear();
    this.gaps.add(identity);
    const clockSkewMs = past.last?.clockSkewMs ?? 0;
    const skewMs = Math.abs(clockSkewMs) > deadZoneMs ? clockSkewMs : 0;
    const toMs = gap.toMs > 0 ? gap.toMs - skewMs : nowMs;
    const fromMs = gap.fromMs > 0 ? Math.min(gap.fromMs - skewMs, toMs) : toMs;
    const reason = gap.reason === "crash" ? "crash" : "lost";
    this.add(past, { sensor: gap.sensor, reason, fromMs, toMs, count: gap.records });
  }

  /** One lapse for each sensor and reason that touches the span. */
  lapsesIn({ fromMs, toMs }: TimeSpan): CoverageLapse[] {
    const found: CoverageLapse[] = [];
    for (const { lapses } of this.sensors.values())
      for (const lapse of lapses) if (touches(lapse, fromMs, toMs)) found.push(lapse);
    return joinLapses(found);
  }

  /** The span in which lapses changed since the last call. */
  takeChanged(): TimeSpan | undefined {
    const { changed } = this;
    this.changed = undefined;
    return changed;
  }

  private observeSensor(record: SensorRecord): void {
    const past = this.pastOf(record.name);
    if (past === undefined) return;
    this.follow(past, record, "silent");
    this.follow(past, record, "waiting");
    this.addDrops(past, record);
    past.last = record;
  }

  private pastOf(sensor: string): SensorPast | undefined {
    const known = this.sensors.get(sensor);
    if (known !== undefined || this.sensors.size >= sensorsMax) return known;
    const past: SensorPast = { lapses: [], last: undefined };
    this.sensors.set(sensor, past);
    return past;
  }

  /** Opens or closes the lapse of a state. */
  private follow(past: SensorPast, record: SensorRecord, state: LapseReason & SensorRecord["state"]): void {
    const index = past.lapses.findIndex(({ reason, toMs }) => reason === state && toMs === Infinity);
    const isNow = record.state === state;
    if (isNow === index >= 0) return;
    const { name: sensor, lastStatusMs } = record;
    if (isNow) this.add(past, { sensor, reason: state, fromMs: lastStatusMs, toMs: Infinity, count: 0 });
    else {
      const ended = { ...past.lapses[index], toMs: Math.max(past.lapses[index].fromMs, lastStatusMs) };
      past.lapses[index] = ended;
      this.touch(ended);
    }
  }

  private addDrops(past: SensorPast, record: SensorRecord): void {
    const { last } = past;
    const dropped = record.counters[droppedCounter] ?? 0;
    if (last?.startedMs === record.startedMs)
      this.addDropped(past, record, last.lastStatusMs, dropped - (last.counters[droppedCounter] ?? 0));
    else if (last !== undefined || this.hasSeenStartOf(record))
      this.addDropped(past, record, Math.min(record.startedMs, record.lastStatusMs), dropped);
  }

  /** What a sensor dropped before we looked cannot be dated, unless it began under our eyes. */
  private hasSeenStartOf(record: SensorRecord): boolean {
    return this.observedMs > 0 && record.startedMs - record.clockSkewMs >= this.observedMs;
  }

  private addDropped(past: SensorPast, record: SensorRecord, fromMs: number, count: number): void {
    if (count <= 0) return;
    const toMs = Math.max(fromMs, record.lastStatusMs);
    const index = past.lapses.findLastIndex(({ reason }) => reason === "dropping");
    const known = past.lapses[index];
    if (known === undefined || known.toMs < fromMs || toMs - known.fromMs > dropSpanMs)
      return this.add(past, { sensor: record.name, reason: "dropping", fromMs, toMs, count });
    past.lapses[index] = { ...known, toMs, count: known.count + count };
    this.touch(past.lapses[index]);
  }

  private add(past: SensorPast, lapse: CoverageLapse): void {
    past.lapses.push(lapse);
    this.touch(lapse);
    if (past.lapses.length <= lapsesPerSensorMax) return;
    past.lapses.shift();
    this.counters.lapsesForgotten++;
  }

  private touch({ fromMs, toMs }: TimeSpan): void {
    this.changed = {
      fromMs: Math.min(fromMs, this.changed?.fromMs ?? fromMs),
      toMs: Math.max(toMs, this.changed?.toMs ?? toMs),
    };
  }

  private forgetBefore(ms: number): void {
    for (const past of this.sensors.values())
      if (past.lapses.length > 0 && past.lapses[0].toMs < ms)
        past.lapses = past.lapses.filter(({ toMs }) => toMs >= ms);
  }
}
