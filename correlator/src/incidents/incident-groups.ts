import { incidentKinds, type Finding, type IncidentKind } from "./incident.js";
import type { IncidentDraft } from "./incident-draft.js";
import { IncidentIndex, starKinds } from "./incident-index.js";
import {
  backgroundFinding,
  backgroundId,
  crowdedSourcesMin,
  dayOf,
  isOverFleet,
  isSmallDraft,
  isSmallFromOutside,
  weighedAtEdge,
  type BackgroundSettings,
} from "./background.js";
import { directionOf, isVolume } from "./burst-direction.js";
import { BurstGroups } from "./burst-groups.js";
import type { Fold } from "./fold.js";
import { isSameBurst } from "./same-burst.js";
import { isBurstOfScan } from "./scan-bursts.js";

/** What the fold needs to know besides the findings. */
export interface GroupingSettings {
  readonly sessionGapMs: number;
  /** Hosts that must burst together. */
  readonly burstHostsMin: number;
  readonly sensorName: (sensor: number) => string;
  readonly background: BackgroundSettings;
}

/**
 * What a finding's and an incident's sources have in common when both are one
 * job: half of the smaller side, and a quarter of the larger, so that a crowd
 * does not chain the whole background of a day together.
 */
const overlapOfSmallerMin = 0.5;
const overlapOfLargerMin = 0.25;

/**
 * Findings folded into incidents, in order of slice, kind and key: a pure
 * function of the findings. Star grouping, no chains: a finding about a source
 * joins the star incident that holds the source; star findings that share most
 * of their sources are one incident; what turns out to be part of another is
 * absorbed and keeps its id.
 */
export class IncidentGroups {
  constructor(
    private readonly index = new IncidentIndex(),
    private readonly bursts = new BurstGroups(),
  ) {}

  /** The groups that had this fold. */
  static ofFold({ bursts, incidents }: Pick<Fold, "bursts" | "incidents">): IncidentGroups {
    return new IncidentGroups(IncidentIndex.of(incidents), BurstGroups.of(bursts));
  }

  /** A fold that goes on from here without changing this one. */
  fork(): IncidentGroups {
    return new IncidentGroups(new IncidentIndex(this.index), this.bursts.clone());
  }

  all(): Iterable<IncidentDraft> {
    return this.index.all();
  }

  get(id: string): IncidentDraft | undefined {
    return this.index.get(id);
  }

  /** Ids of the drafts that changed since the last call. */
  takeChanged(): string[] {
    return this.index.takeChanged();
  }

  /** The bursts and every incident, or those that changed since the last call. */
  takeFold(isWhole: boolean): Pick<Fold, "bursts" | "incidents"> {
    return { bursts: this.bursts.state(), incidents: this.index.take(isWhole) };
  }

  /** Puts back an incident that was stored; it stays open for what joins it. */
  restore(draft: IncidentDraft): void {
    this.index.restore(draft);
  }

  /** Forgets an incident that is closed. */
  remove(id: string): void {
    this.index.remove(id);
  }

  /** Folds findings in canonical order; what came in earlier calls lies before them. */
  applyAll(findings: readonly Finding[], settings: GroupingSettings): void {
    let bursts: Finding[] = [];
    for (const finding of sortFindings(findings)) {
      if (bursts.length > 0 && bursts[0].sliceEndMs !== finding.sliceEndMs)
        bursts = this.applyBursts(bursts, settings);
      if (finding.kind === "host_burst") bursts.push(finding);
      else this.apply(weighedAtEdge(finding, settings.background), settings);
    }
    this.applyBursts(bursts, settings);
  }

  private apply(finding: Finding, settings: GroupingSettings): void {
    if (isSmallFromOutside(finding, settings.background) && this.applyBackground(finding, settings)) return;
    if (starKinds.has(finding.kind)) this.applyStar(finding, settings);
    else this.applySingle(finding, settings);
  }

  /**
   * Adds a small scan from outside to its day's background, which opens once
   * there are enough of them and takes over those that were told alone. False
   * when it belongs elsewhere: to an incident of several sources, or to a larger
   * one of its own.
   */
  private applyBackground(finding: Finding, settings: GroupingSettings): boolean {
    const { background } = settings;
    if (this.isPartOfLarger(finding, settings)) return false;
    const day = dayOf(finding.sliceStartMs);
    const known = this.index.get(backgroundId(day))?.sourceCount ?? 0;
    if (isOverFleet(finding) && known < crowdedSourcesMin) return false;
    const small = this.smallDrafts(finding, day, settings);
    const sources = new Set([...small.flatMap((draft) => [...draft.sources]), ...finding.sources]);
    const id = backgroundId(day);
    const isOpen = this.index.get(id) !== undefined;
    if (!isOpen && sources.size < background.sourcesMin) return false;
    const draft = isOpen
      ? this.index.own(id)
      : this.index.openAs(id, backgroundFinding(finding, 0, background));
    for (const other of small) this.index.rollUp(draft, other.id);
    draft.countSources(sources);
    this.addTo(draft, backgroundFinding(finding, draft.sourceCount, background), settings);
    return true;
  }

  private isPartOfLarger(finding: Finding, settings: GroupingSettings): boolean {
    if (starKinds.has(finding.kind)) {
      const stars = this.matchingStars(finding, settings).map((id) => this.index.get(id));
      return stars.some((star) => star !== undefined && !isSmallDraft(star, settings.background));
    }
    if (this.index.starOf(finding.primaryKey, finding, settings.sessionGapMs) !== undefined) return true;
    const own = this.knownByKey(finding, settings);
    return own !== undefined && !isSmallDraft(own, settings.background);
  }

  /** Open incidents that hold no more than small scans of this day; with its background open, the finding's own. */
  private smallDrafts(finding: Finding, day: number, settings: GroupingSettings): IncidentDraft[] {
    const own = this.knownByKey(finding, settings);
    if (this.index.get(backgroundId(day)) !== undefined) return own === undefined ? [] : [own];
    return [...this.index.all()].filter(
      (draft) =>
        draft.mergedInto === "" &&
        (draft === own || dayOf(draft.lastSliceEndMs - 1) === day) &&
        isSmallDraft(draft, settings.background),
    );
  }

  private applySingle(finding: Finding, settings: GroupingSettings): void {
    const star =
      finding.view === "source" && finding.kind !== "fan_out"
        ? this.index.starOf(finding.primaryKey, finding, settings.sessionGapMs)
        : undefined;
    const draft = star === undefined ? this.openByKey(finding, settings) : this.index.own(star.id);
    this.addTo(draft, finding, settings);
    if (star === undefined && !isSweepOfScan(draft.kind, finding)) draft.kind = finding.kind;
    this.dropBursts(draft, finding, settings);
  }

  private applyStar(finding: Finding, settings: GroupingSettings): void {
    const [first, ...others] = this.matchingStars(finding, settings);
    const draft = first === undefined ? this.index.open(finding) : this.index.own(first);
    for (const other of others) this.index.absorb(draft, other);
    this.index.link(finding, draft.id);
    this.addTo(draft, finding, settings);
    if (finding.kind === "campaign") draft.kind = "campaign";
    for (const source of finding.sources) this.claimSource(draft, source, finding, settings);
    this.dropBursts(draft, finding, settings);
  }

  private claimSource(
    draft: IncidentDraft,
    source: string,
    finding: Finding,
    { sessionGapMs }: GroupingSettings,
  ): void {
    if (this.index.starOf(source, finding, sessionGapMs) === undefined) this.index.claim(source, draft.id);
    const alone = this.index.ofKey("vertical_scan", source, finding, sessionGapMs);
    if (alone === undefined || starKinds.has(alone.kind) || alone.kind === "fan_out") return;
    this.index.absorb(draft, alone.id);
  }

  /** The host bursts of one slice; gives back an empty list to collect the next in. */
  private applyBursts(bursts: readonly Finding[], settings: GroupingSettings): Finding[] {
    for (const burst of this.bursts.add(bursts, settings.burstHostsMin))
      if (!this.isOfOpenScan(burst, settings)) this.applyBurst(burst, settings);
    return [];
  }

  /** What the same hosts do is counted once, under one key. */
  private applyBurst(burst: Finding, settings: GroupingSettings): void {
    const draft = this.openBurst(burst, settings);
    this.addTo(draft, { ...burst, primaryKey: draft.openedKey }, settings);
  }

  private openBurst(burst: Finding, { sessionGapMs }: GroupingSettings): IncidentDraft {
    const known = this.index.burstsWithin(sessionGapMs, burst).find((draft) => isSameBurst(burst, draft));
    return known === undefined ? this.index.open(burst) : this.index.own(known.id);
  }

  /** True when an open scan has the burst's flows already. */
  private isOfOpenScan(burst: Finding, { sessionGapMs }: GroupingSettings): boolean {
    if (isVolume(directionOf(burst.primaryKey))) return false;
    const scans = new Set<IncidentDraft>();
    for (const source of burst.targets.length === 0 ? [] : burst.sources) {
      const star = this.index.starOf(source, burst, sessionGapMs);
      const scan = star ?? this.index.ofKey("vertical_scan", source, burst, sessionGapMs);
      if (scan !== undefined) scans.add(scan);
    }
    return [...scans].some((scan) => isBurstOfScan(burst, scan));
  }

  /** Makes open bursts part of the scan that turns out to be what they were. */
  private dropBursts(scan: IncidentDraft, finding: Finding, { sessionGapMs }: GroupingSettings): void {
    for (const burst of this.index.burstsWithin(sessionGapMs, finding))
      if (!isVolume(directionOf(burst.openedKey)) && isBurstOfScan(burst, scan))
        this.index.merge(scan, burst.id);
  }

  private addTo(draft: IncidentDraft, finding: Finding, settings: GroupingSettings): void {
    this.index.addTo(draft, finding, settings.sensorName);
  }

  private matchingStars(finding: Finding, settings: GroupingSettings): string[] {
    const shared = new Map<string, number>();
    for (const source of finding.sources) {
      const star = this.index.starOf(source, finding, settings.sessionGapMs);
      if (star !== undefined) shared.set(star.id, (shared.get(star.id) ?? 0) + 1);
    }
    const matching = new Set<string>();
    const known = this.knownByKey(finding, settings);
    if (known !== undefined) matching.add(known.id);
    for (const [id, count] of shared) {
      const size = this.index.get(id)?.sources.size ?? 0;
      const [smaller, larger] = [
        Math.min(size, finding.sources.length),
        Math.max(size, finding.sources.length),
      ];
      if (count >= overlapOfSmallerMin * smaller && count >= overlapOfLargerMin * larger) matching.add(id);
    }
    return [...matching].sort((a, b) => this.order(a, b));
  }

  /**
   * In the order of the findings that opened them, so that the incident which
   * leads while findings still grow is the one that leads when they are final.
   */
  private order(a: string, b: string): number {
    const [first, second] = [this.index.get(a), this.index.get(b)];
    return (
      (first?.openedMs ?? 0) - (second?.openedMs ?? 0) ||
      compareText(first?.openedKey ?? "", second?.openedKey ?? "") ||
      compareText(a, b)
    );
  }

  private openByKey(finding: Finding, settings: GroupingSettings): IncidentDraft {
    const known = this.knownByKey(finding, settings);
    return known === undefined ? this.index.open(finding) : this.index.own(known.id);
  }

  private knownByKey(finding: Finding, { sessionGapMs }: GroupingSettings): IncidentDraft | undefined {
    return this.index.ofKey(finding.kind, finding.primaryKey, finding, sessionGapMs);
  }
}

/**
 * Canonical order of folding: slice, kind, key; stars before single sources, and
 * of them those of the fleet before those of one host, which are parts of them.
 */
function sortFindings(findings: readonly Finding[]): Finding[] {
  return [...findings].sort(
    (a, b) =>
      a.sliceEndMs - b.sliceEndMs ||
      rank(a.kind) - rank(b.kind) ||
      Number(isOfOneHost(a)) - Number(isOfOneHost(b)) ||
      compareText(a.primaryKey, b.primaryKey) ||
      compareText(a.view, b.view),
  );
}

function isOfOneHost({ view }: Finding): boolean {
  return view === "service" || view === "target";
}

function rank(kind: IncidentKind): number {
  return starKinds.has(kind) ? 0 : 1 + incidentKinds.indexOf(kind);
}

/** Pings and unusual peers tell less than the scan they belong to. */
function isSweepOfScan(kind: IncidentKind, finding: Finding): boolean {
  const isLess = finding.kind === "host_sweep" || finding.kind === "fan_out";
  return finding.view === "facts" && isLess && kind !== "fan_out";
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
