import type { FoldedIncident } from "./fold.js";
import { IncidentDraft } from "./incident-draft.js";
import { familyOf, incidentId } from "./incident-id.js";
import type { Finding, IncidentKind } from "./incident.js";

/** Kinds that name several sources of one job; a source's own findings join them. */
export const starKinds: ReadonlySet<IncidentKind> = new Set<IncidentKind>(["distributed_scan", "campaign"]);

/**
 * The incidents of a fold, and the keys and sources under which findings find
 * them. A copy shares its drafts with the one it was made of until it changes them.
 */
export class IncidentIndex {
  private readonly drafts: Map<string, IncidentDraft>;
  /** Open incident by family and primary key. */
  private readonly byKey: Map<string, string>;
  /** Star incident by source. */
  private readonly starBySource: Map<string, string>;
  /** Drafts that this fold may change; the rest belong to the one it was copied from. */
  private readonly owned = new Set<string>();
  /** Cross-host bursts that are part of nothing else. */
  private readonly bursts: Set<string>;
  private readonly changed = new Set<string>();

  constructor(base?: IncidentIndex) {
    this.drafts = new Map(base?.drafts);
    this.byKey = new Map(base?.byKey);
    this.starBySource = new Map(base?.starBySource);
    this.bursts = new Set(base?.bursts);
  }

  /** The index that had these; a key of two incidents leads to the one seen last. */
  static of(incidents: readonly FoldedIncident[]): IncidentIndex {
    const index = new IncidentIndex();
    const inOrder = [...incidents].sort(
      (a, b) => a.draft.plain.lastSliceEndMs - b.draft.plain.lastSliceEndMs,
    );
    for (const { draft, keys, claims } of inOrder) {
      const { id } = draft.plain;
      index.put(IncidentDraft.of(draft));
      for (const key of keys) index.byKey.set(key, id);
      for (const source of claims) index.starBySource.set(source, id);
    }
    return index;
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

  /** Every incident, or those that changed since the last call. */
  take(isWhole: boolean): FoldedIncident[] {
    const changed = this.takeChanged();
    const ids = new Set(isWhole ? this.drafts.keys() : changed);
    const [keys, claims] = [this.byKey, this.starBySource].map((index) => placesOf(index, ids));
    return [...ids].flatMap((id) => {
      const draft = this.drafts.get(id);
      return draft === undefined
        ? []
        : { draft: draft.state(), keys: keys.get(id) ?? [], claims: claims.get(id) ?? [] };
    });
  }

  /** Puts back an incident that was stored; it stays open for what joins it. */
  restore(draft: IncidentDraft): void {
    this.put(draft);
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
    this.unlink(draft, id);
  }

  /** The star incident that holds the source and that the finding may join. */
  starOf(source: string, finding: Finding, gapMs: number): IncidentDraft | undefined {
    return this.openOf(this.starBySource.get(source), finding, gapMs);
  }

  /** The incident of this family and key that the finding may join. */
  ofKey(kind: IncidentKind, primaryKey: string, finding: Finding, gapMs: number): IncidentDraft | undefined {
    return this.openOf(this.byKey.get(keyText(kind, primaryKey)), finding, gapMs);
  }

  /** Cross-host bursts that the finding comes no later than this after, in the order in which they were opened. */
  burstsWithin(gapMs: number, { sliceStartMs }: Finding): IncidentDraft[] {
    return [...this.bursts]
      .flatMap((id) => this.drafts.get(id) ?? [])
      .filter(({ lastSliceEndMs }) => sliceStartMs - lastSliceEndMs <= gapMs)
      .sort((a, b) => a.openedMs - b.openedMs || (a.openedKey < b.openedKey ? -1 : 1));
  }

  /** A new incident that the finding opens, to be found under its key. */
  open(finding: Finding): IncidentDraft {
    const { kind, primaryKey, sliceStartMs } = finding;
    const draft = this.openAs(incidentId(kind, primaryKey, sliceStartMs), finding);
    this.link(finding, draft.id);
    return draft;
  }

  openAs(id: string, finding: Finding): IncidentDraft {
    const draft = new IncidentDraft(id, finding);
    this.put(draft);
    return draft;
  }

  /** Lets what comes under the finding's key join the incident. */
  link({ kind, primaryKey }: Finding, id: string): void {
    this.byKey.set(keyText(kind, primaryKey), id);
  }

  /** Lets the source's own findings join the star. */
  claim(source: string, id: string): void {
    this.starBySource.set(source, id);
  }

  addTo(draft: IncidentDraft, finding: Finding, sensorName: (sensor: number) => string): void {
    draft.add(finding, sensorName);
    this.changed.add(draft.id);
  }

  /** Makes an incident part of another, which its keys and sources lead to from now on. */
  absorb(into: IncidentDraft, id: string): void {
    if (into.id === id) return;
    const other = this.own(id);
    into.absorb(other);
    this.changed.add(into.id);
    this.changed.add(id);
    for (const key of other.primaryKeys) this.byKey.set(keyText(other.kind, key), into.id);
    for (const source of other.sources) this.starBySource.set(source, into.id);
  }

  /** Makes an incident part of another that says nothing of how bad it was; nothing leads to it any more. */
  rollUp(into: IncidentDraft, id: string): void {
    const other = this.own(id);
    into.rollUp(other);
    this.changed.add(id);
    this.unlink(other, id);
  }

  /** Makes an incident part of another that says all of it already. */
  merge(into: IncidentDraft, id: string): void {
    const other = this.own(id);
    other.mergedInto = into.id;
    this.changed.add(id);
    this.unlink(other, id);
  }

  /** The draft, copied first when it belongs to the index this was copied from. */
  own(id: string): IncidentDraft {
    const draft = this.drafts.get(id);
    if (draft === undefined) throw new Error(`incident ${id} is indexed but missing`);
    if (this.owned.has(id)) return draft;
    const copy = draft.clone();
    this.drafts.set(id, copy);
    this.owned.add(id);
    return copy;
  }

  private openOf(id: string | undefined, finding: Finding, gapMs: number): IncidentDraft | undefined {
    const draft = id === undefined ? undefined : this.drafts.get(id);
    if (draft === undefined || draft.mergedInto !== "") return undefined;
    return finding.sliceStartMs - draft.lastSliceEndMs <= gapMs ? draft : undefined;
  }

  private put(draft: IncidentDraft): void {
    this.drafts.set(draft.id, draft);
    this.owned.add(draft.id);
    if (draft.kind === "cross_host_burst" && draft.mergedInto === "") this.bursts.add(draft.id);
  }

  private unlink(draft: IncidentDraft, id: string): void {
    this.bursts.delete(id);
    for (const key of draft.primaryKeys) deleteIf(this.byKey, keyText(draft.kind, key), id);
    for (const source of draft.sources) deleteIf(this.starBySource, source, id);
  }
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
