import { CoverageHistory } from "../sensors/coverage-history.js";
import type { SensorRecord } from "../sensors/sensor-registry.js";
import { sensorHash } from "../sensors/sensor-registry.js";
import { IncidentGroups, type GroupingSettings } from "./incident-groups.js";
import { IncidentDraft } from "./incident-draft.js";
import { IncidentPublisher } from "./incident-publisher.js";
import type { Fold, FoldChange } from "./fold.js";
import type { Finding, Incident, IncidentEvent } from "./incident.js";

/** Provisional findings kept at once; beyond that the oldest are forgotten and counted. */
const provisionalMax = 20_000;

/** Held-back updates and states that change with time are looked at this often. */
const recheckEveryMs = 1000;
const forgetAfterMs = 3_600_000;

export interface GroupingCounters {
  findingsFolded: number;
  findingsForgotten: number;
}

/**
 * The grouping of all correlators' findings, run by the holder of one lease.
 * Confirmed findings are folded slice by slice once every partition is closed
 * that far; provisional ones are folded on top for what is served meanwhile.
 */
export class Grouping {
  readonly counters: GroupingCounters = { findingsFolded: 0, findingsForgotten: 0 };
  private confirmed = new IncidentGroups();
  /** Confirmed findings whose slice is not closed in every partition yet. */
  private waiting: Finding[] = [];
  private readonly provisional = new Map<string, Finding>();
  private readonly publisher: IncidentPublisher;
  private readonly sensorNames = new Map<number, string>();
  private foldedUntilMs = 0;
  /** Incidents forgotten since the fold was last taken. */
  private removed: string[] = [];
  private isFoldNew = false;
  /** What is served: the confirmed incidents with the open findings on top. */
  private shown = this.confirmed.fork();
  private isStale = true;
  private takenMs = 0;

  /** @param history what the sensors did not see, which the caller keeps current */
  constructor(
    private settings: Omit<GroupingSettings, "sensorName">,
    history = new CoverageHistory(),
  ) {
    this.publisher = new IncidentPublisher(history);
  }

  configure(settings: Omit<GroupingSettings, "sensorName">): void {
    this.settings = settings;
  }

  /**
   * Starts from what is stored, after taking over from another correlator.
   * @param fold undefined where it is lost: then the incidents stand for it, about
   */
  restore(incidents: readonly Incident[], fold?: Fold): void {
    if (fold !== undefined) {
      this.confirmed = IncidentGroups.ofFold(fold);
      this.foldedUntilMs = fold.foldedUntilMs;
    }
    for (const incident of incidents) {
      if (fold === undefined && incident.confirmation === "confirmed" && incident.state !== "retracted")
        this.confirmed.restore(IncidentDraft.restore(incident, sensorHash));
      for (const { sensor } of incident.evidence) this.nameSensor(sensor);
      this.publisher.restore(incident);
    }
    this.isStale = true;
  }

  /** Names of the sensors behind the hashes in findings. */
  setSensors(sensors: readonly SensorRecord[]): void {
    for (const { name } of sensors) this.nameSensor(name);
  }

  nameSensor(name: string): void {
    this.sensorNames.set(sensorHash(name), name);
  }

  /** What was folded since the last call, or everything; undefined where that is nothing. */
  takeFold(isWhole: boolean): Omit<FoldChange, "position"> | undefined {
    if (!this.isFoldNew && !isWhole) return undefined;
    const { foldedUntilMs, removed } = this;
    this.removed = [];
    this.isFoldNew = false;
    return { isWhole, foldedUntilMs, removed, ...this.confirmed.takeFold(isWhole) };
  }

  /**
   * Findings as the board has them; of one window the last counts.
   * @param areRead true for those that lay on the board when the fold was stored
   */
  addAll(findings: readonly Finding[], areRead = false): void {
    const shown = new Map<string, Finding>();
    for (const finding of findings) {
      if (!finding.confirmed) this.addProvisional(finding);
      else if (areRead && finding.sliceEndMs <= this.foldedUntilMs) continue;
      else this.waiting.push(finding);
      shown.set(`${keyOf(finding)}|${finding.kind}`, finding);
    }
    if (!this.isStale && shown.size > 0)
      this.shown.applyAll([...shown.values()].map(open), this.foldSettings());
  }

  /** @param closedUntilMs by partition: every slice that ends at or before it is closed there. */
  close(closedUntilMs: Float64Array): void {
    for (const [key, finding] of this.provisional)
      if (finding.sliceEndMs <= closedUntilMs[finding.partition]) {
        this.provisional.delete(key);
        this.isStale = true;
      }
    const untilMs = closedUntilMs.reduce((least, closed) => Math.min(least, closed), Infinity);
    if (untilMs > this.foldedUntilMs) this.fold(untilMs);
  }

  /**
   * Events since the last call, to be committed; what `now` holds back comes later.
   * @param isComplete the windows hold everything, so that what is no longer found is over
   */
  takeEvents(nowMs: number, isInside: (address: string) => boolean, isComplete = true): IncidentEvent[] {
    const isRecheck = this.isStale || nowMs - this.takenMs >= recheckEveryMs;
    if (this.isStale) this.rebuild();
    const changed = this.shown.takeChanged();
    if (!isRecheck && changed.length === 0) return [];
    if (isRecheck) this.takenMs = nowMs;
    const events = this.publisher.take(this.shown, isRecheck ? undefined : changed, {
      nowMs,
      foldedUntilMs: this.foldedUntilMs,
      isInside,
      sensorName: this.sensorName,
      sessionGapMs: this.settings.sessionGapMs,
      isComplete,
    });
    this.forgetClosed();
    return events;
  }

  /** What closed an hour ago, and was said to be, can no longer be joined. */
  private forgetClosed(): void {
    if (!Number.isFinite(this.foldedUntilMs)) return;
    const beforeMs = this.foldedUntilMs - this.settings.sessionGapMs - forgetAfterMs;
    for (const { id, lastSliceEndMs } of this.confirmed.all())
      if (lastSliceEndMs < beforeMs) {
        this.confirmed.remove(id);
        this.removed.push(id);
        this.isFoldNew = true;
        this.publisher.forget(id);
        this.isStale = true;
      }
  }

  private fold(untilMs: number): void {
    this.foldedUntilMs = untilMs;
    const due = this.waiting.filter((finding) => finding.sliceEndMs <= untilMs);
    if (due.length === 0) return;
    this.waiting = this.waiting.filter((finding) => finding.sliceEndMs > untilMs);
    this.confirmed.applyAll(due, this.foldSettings());
    this.counters.findingsFolded += due.length;
    this.isFoldNew = true;
    this.isStale = true;
  }

  /** Folds the open findings onto the confirmed incidents anew, in canonical order. */
  private rebuild(): void {
    this.shown = this.confirmed.fork();
    this.shown.applyAll([...this.waiting, ...this.provisional.values()].map(open), this.foldSettings());
    this.isStale = false;
  }

  /** Two correlators may tell of one window; what arrives last need not be what was read last. */
  private addProvisional(finding: Finding): void {
    const key = keyOf(finding);
    const known = this.provisional.get(key);
    if (known !== undefined && known.contactCount > finding.contactCount) return;
    const oldest = this.provisional.keys().next().value;
    if (this.provisional.size >= provisionalMax && oldest !== undefined) {
      this.provisional.delete(oldest);
      this.counters.findingsForgotten++;
    }
    this.provisional.set(key, finding);
  }

  private foldSettings(): GroupingSettings {
    return { ...this.settings, sensorName: this.sensorName };
  }

  private readonly sensorName = (sensor: number): string =>
    this.sensorNames.get(sensor) ?? `sensor-${sensor.toString(16)}`;
}

/** The window that a finding is about. */
function keyOf({ view, kind, partition, primaryKey, sliceEndMs }: Finding): string {
  return `${view === "facts" ? `${kind} ${partition}` : view}|${primaryKey}|${sliceEndMs}`;
}

/** A finding whose slice is not closed everywhere confirms nothing yet. */
function open(finding: Finding): Finding {
  return finding.confirmed ? { ...finding, confirmed: false } : finding;
}
