import { familyOf, incidentId } from "./incident-id.js";
import { incidentKinds, type Finding, type IncidentKind } from "./incident.js";
import { IncidentDraft } from "./incident-draft.js";
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
import { BurstGroups } from "./burst-groups.js";
import type { Fold } from "./fold.js";

/** What the fold needs to know besides the findings. */
export interface GroupingSettings {
  readonly sessionGapMs: number;
  /** Hosts that must burst together. */
  readonly burstHostsMin: number;
  readonly sensorName: (sensor: number) => string;
  readonly background: BackgroundSettings;
}

/** Kinds that name several sources of one job; a source's own findings join them. */
const starKinds: ReadonlySet<IncidentKind> = new Set<IncidentKind>(["distributed_scan", "campaign"]);
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
  private readonly drafts: Map<string, IncidentDraft>;
  /** Open incident by family and primary key. */
  private readonly byKey: Map<string, string>;
  /** Star incident by source. */
  private readonly starBySource: Map<string, string>;
  private readonly bursts: BurstGroups;
  /** Drafts that this fold may change; the rest belong to the fold it was forked from. */
  private readonly owned = new Set<string>();
  private readonly changed = new Set<string>();

  constructor(base?: IncidentGroups, bursts = new BurstGroups()) {
    this.drafts = new Map(base?.drafts);
    this.byKey = new Map(base?.byKey);
    this.starBySource = new Map(base?.starBySource);
    this.bursts = base === undefined ? bursts : base.bursts.clone();
  }

  /** A fold that goes on from here without changing this one. */
  fork(): IncidentGroups {
    return new IncidentGroups(this);
  }

  all(): Iterable<IncidentDraft> {
    return this.drafts.values();
  }

  get(id: string): IncidentDraft | undefined {
    return this.drafts.get(id);
  }

  /** Ids of the drafts that changed since the last call. */
  takeChanged(): string[] {
    const ids = [...this.changed];
    this.changed.clear();
    return ids;
  }

  /** The bursts and every incident, or those that changed since the last call. */
  takeFold(isWhole: boolean): Pick<Fold, "bursts" | "incidents"> {
    const changed = this.takeChanged();
    const ids = new Set(isWhole ? this.drafts.keys() : changed);
    const [keys, claims] = [this.byKey, this.starBySource].map((index) => placesOf(index, ids));
    const incidents = [...ids].flatMap((id) => {
      const draft = this.drafts.get(id);
      return draft === undefined
        ? []
        : { draft: draft.state(), keys: keys.get(id) ?? [], claims: claims.get(id) ?? [] };
    });
    return { bursts: this.bursts.state(), incidents };
  }

  /** The groups that had this fold; a key of two incidents leads to the one seen last. */
  static ofFold({ bursts, incidents }: Pick<Fold, "bursts" | "incidents">): IncidentGroups {
    const groups = new IncidentGroups(undefined, BurstGroups.of(bursts));
    const inOrder = [...incidents].sort(
      (a, b) => a.draft.plain.lastSliceEndMs - b.draft.plain.lastSliceEndMs,
    );
    for (const { draft, keys, claims } of inOrder) {
      const { id } = draft.plain;
      groups.drafts.set(id, IncidentDraft.of(draft));
      groups.owned.add(id);
      for (const key of keys) groups.byKey.set(key, id);
      for (const source of claims) groups.starBySource.set(source, id);
    }
    return groups;
  }

  /** Puts back an incident that was stored; it stays open for what joins it. */
  restore(draft: IncidentDraft): void {
    this.drafts.set(draft.id, draft);
    this.owned.add(draft.id);
    if (draft.mergedInto !== "") return;
    for (const key of draft.primaryKeys) this.byKey.set(keyText(draft.kind, key), draft.id);
    if (starKinds.has(draft.kind))
      for (const source of draft.sources) this.starBySource.set(source, draft.id);
  }

  /** Forgets an incident that is closed. */
  remove(id: string): void {
    const draft = this.drafts.get(id);
    if (draft === undefined) return;
    this.drafts.delete(id);
    for (const key of draft.primaryKeys) deleteIf(this.byKey, keyText(draft.kind, key), id);
    for (const source of draft.sources) deleteIf(this.starBySource, source, id);
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
    const known = this.drafts.get(backgroundId(day))?.sourceCount ?? 0;
    if (isOverFleet(finding) && known < crowdedSourcesMin) return false;
    const small = this.smallDrafts(finding, day, settings);
    const sources = new Set([...small.flatMap((draft) => [...draft.sources]), ...finding.sources]);
    const id = backgroundId(day);
    const isOpen = this.drafts.has(id);
    if (!isOpen && sources.size < background.sourcesMin) return false;
    const draft = isOpen ? this.own(id) : this.openAs(id, backgroundFinding(finding, 0, background));
    for (const other of small) this.rollUp(draft, other.id);
    draft.countSources(sources);
    this.addTo(draft, backgroundFinding(finding, draft.sourceCount, background), settings);
    return true;
  }

  private isPartOfLarger(finding: Finding, settings: GroupingSettings): boolean {
    if (starKinds.has(finding.kind)) {
      const stars = this.matchingStars(finding, settings).map((id) => this.drafts.get(id));
      return stars.some((star) => star !== undefined && !isSmallDraft(star, settings.background));
    }
    if (this.starOf(finding.primaryKey, finding, settings) !== undefined) return true;
    const own = this.knownByKey(finding, settings);
    return own !== undefined && !isSmallDraft(own, settings.background);
  }

  /** Open incidents that hold no more than small scans of this day; with its background open, the finding's own. */
  private smallDrafts(finding: Finding, day: number, settings: GroupingSettings): IncidentDraft[] {
    const own = this.knownByKey(finding, settings);
    if (this.drafts.has(backgroundId(day))) return own === undefined ? [] : [own];
    return [...this.drafts.values()].filter(
      (draft) =>
        draft.mergedInto === "" &&
        (draft === own || dayOf(draft.lastSliceEndMs - 1) === day) &&
        isSmallDraft(draft, settings.background),
    );
  }

  private rollUp(into: IncidentDraft, id: string): void {
    const other = this.own(id);
    into.rollUp(other);
    this.changed.add(id);
    for (const key of other.primaryKeys) deleteIf(this.byKey, keyText(other.kind, key), id);
    for (const source of other.sources) deleteIf(this.starBySource, source, id);
  }

  private applySingle(finding: Finding, settings: GroupingSettings): void {
    const star =
      finding.view === "source" && finding.kind !== "fan_out"
        ? this.starOf(finding.primaryKey, finding, settings)
        : undefined;
    const draft =
      star === undefined ? (this.openByKey(finding, settings) ?? this.open(finding)) : this.own(star.id);
    this.addTo(draft, finding, settings);
    if (star === undefined && !isSweepOfScan(draft.kind, finding)) draft.kind = finding.kind;
  }

  private applyStar(finding: Finding, settings: GroupingSettings): void {
    const [first, ...others] = this.matchingStars(finding, settings);
    const draft = first === undefined ? this.open(finding) : this.own(first);
    for (const other of others) this.absorb(draft, other);
    this.byKey.set(keyText(finding.kind, finding.primaryKey), draft.id);
    this.addTo(draft, finding, settings);
    if (finding.kind === "campaign") draft.kind = "campaign";
    for (const source of finding.sources) this.claimSource(draft, source, finding, settings);
  }

  private claimSource(
    draft: IncidentDraft,
    source: string,
    finding: Finding,
    settings: GroupingSettings,
  ): void {
    if (this.starOf(source, finding, settings) === undefined) this.starBySource.set(source, draft.id);
    const single = this.byKey.get(keyText("vertical_scan", source));
    const alone = single === undefined ? undefined : this.drafts.get(single);
    if (alone === undefined || starKinds.has(alone.kind) || alone.kind === "fan_out") return;
    if (!this.isOpen(alone, finding, settings)) return;
    this.absorb(draft, alone.id);
  }

  /** The host bursts of one slice; gives back an empty list to collect the next in. */
  private applyBursts(bursts: readonly Finding[], settings: GroupingSettings): Finding[] {
    for (const burst of this.bursts.add(bursts, settings.burstHostsMin)) {
      const draft = this.openByKey(burst, settings) ?? this.open(burst);
      this.addTo(draft, burst, settings);
    }
    return [];
  }

  private addTo(draft: IncidentDraft, finding: Finding, settings: GroupingSettings): void {
    draft.add(finding, settings.sensorName);
    this.changed.add(draft.id);
  }

  private matchingStars(finding: Finding, settings: GroupingSettings): string[] {
    const shared = new Map<string, number>();
    for (const source of finding.sources) {
      const star = this.starOf(source, finding, settings);
      if (star !== undefined) shared.set(star.id, (shared.get(star.id) ?? 0) + 1);
    }
    const matching = new Set<string>();
    const same = this.byKey.get(keyText(finding.kind, finding.primaryKey));
    const known = same === undefined ? undefined : this.drafts.get(same);
    if (known !== undefined && this.isOpen(known, finding, settings)) matching.add(known.id);
    for (const [id, count] of shared) {
      const size = this.drafts.get(id)?.sources.size ?? 0;
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
    const [first, second] = [this.drafts.get(a), this.drafts.get(b)];
    return (
      (first?.openedMs ?? 0) - (second?.openedMs ?? 0) ||
      compareText(first?.openedKey ?? "", second?.openedKey ?? "") ||
      compareText(a, b)
    );
  }

  private starOf(source: string, finding: Finding, settings: GroupingSettings): IncidentDraft | undefined {
    const id = this.starBySource.get(source);
    const star = id === undefined ? undefined : this.drafts.get(id);
    return star !== undefined && this.isOpen(star, finding, settings) ? star : undefined;
  }

  private openByKey(finding: Finding, settings: GroupingSettings): IncidentDraft | undefined {
    const draft = this.knownByKey(finding, settings);
    return draft === undefined ? undefined : this.own(draft.id);
  }

  private knownByKey(finding: Finding, settings: GroupingSettings): IncidentDraft | undefined {
    const id = this.byKey.get(keyText(finding.kind, finding.primaryKey));
    const draft = id === undefined ? undefined : this.drafts.get(id);
    return draft !== undefined && this.isOpen(draft, finding, settings) ? draft : undefined;
  }

  private isOpen(draft: IncidentDraft, finding: Finding, settings: GroupingSettings): boolean {
    return draft.mergedInto === "" && finding.sliceStartMs - draft.lastSliceEndMs <= settings.sessionGapMs;
  }

  private open(finding: Finding): IncidentDraft {
    const draft = this.openAs(incidentId(finding.kind, finding.primaryKey, finding.sliceStartMs), finding);
    this.byKey.set(keyText(finding.kind, finding.primaryKey), draft.id);
    return draft;
  }

  private openAs(id: string, finding: Finding): IncidentDraft {
    const draft = new IncidentDraft(id, finding);
    this.drafts.set(id, draft);
    this.owned.add(id);
    return draft;
  }

  private absorb(into: IncidentDraft, id: string): void {
    if (into.id === id) return;
    const other = this.own(id);
    into.absorb(other);
    this.changed.add(into.id);
    this.changed.add(id);
    for (const key of other.primaryKeys) this.byKey.set(keyText(other.kind, key), into.id);
    for (const source of other.sources) this.starBySource.set(source, into.id);
  }

  /** The draft, copied first when it belongs to the fold this was forked from. */
  private own(id: string): IncidentDraft {
    const draft = this.drafts.get(id);
    if (draft === undefined) throw new Error(`incident ${id} is indexed but missing`);
    if (this.owned.has(id)) return draft;
    const copy = draft.clone();
    this.drafts.set(id, copy);
    this.owned.add(id);
    return copy;
  }
}

/** Canonical order of folding: slice, kind, key; stars before single sources. */
function sortFindings(findings: readonly Finding[]): Finding[] {
  return [...findings].sort(
    (a, b) =>
      a.sliceEndMs - b.sliceEndMs ||
      rank(a.kind) - rank(b.kind) ||
      compareText(a.primaryKey, b.primaryKey) ||
      compareText(a.view, b.view),
  );
}

function rank(kind: IncidentKind): number {
  return starKinds.has(kind) ? 0 : 1 + incidentKinds.indexOf(kind);
}

/** Pings and unusual peers tell less than the scan they belong to. */
function isSweepOfScan(kind: IncidentKind, finding: Finding): boolean {
  const isLess = finding.kind === "host_sweep" || finding.kind === "fan_out";
  return finding.view === "facts" && isLess && kind !== "fan_out";
}

function keyText(kind: IncidentKind, primaryKey: string): string {
  return `${familyOf(kind)}|${primaryKey}`;
}

/** What leads to each of the ids. */
function placesOf(index: ReadonlyMap<string, string>, ids: ReadonlySet<string>): Map<string, string[]> {
  const places = new Map<string, string[]>();
  for (const [place, id] of index) {
    if (!ids.has(id)) continue;
    const known = places.get(id);
    if (known === undefined) places.set(id, [place]);
    else known.push(place);
  }
  return places;
}

function deleteIf(map: Map<string, string>, key: string, value: string): void {
  if (map.get(key) === value) map.delete(key);
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
