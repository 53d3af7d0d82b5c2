import { prefixOf, type AddressKey } from "./address-key.js";
import { portKey, serviceKey } from "./contact-key.js";
import { DistinctCount } from "./distinct-count.js";
import type { SipHash } from "./sip-hash.js";
import type { TouchedWindows } from "./touched-windows.js";
import {
  contactSliceMs,
  crowdBit,
  hotCrowdMin,
  type ContactObservation,
  type CrowdCount,
  type CrowdKey,
  type CrowdKind,
  type CrowdWindow,
  type HotWindow,
  type WindowLimits,
  type WindowStoreCounters,
} from "./window-store.js";

/** Slices behind the closed ones whose sources are kept; counts of hot crowds for 7 days. */
const slicesKept = 6;
const historySlicesKept = 7 * 144;
/** Crowds of one kind and slice; those of one more subject are refused. */
const crowdsMax = 500_000;
/** Sources of a crowd that is hot. */
class Crowd {
  readonly sources: Set<AddressKey>;
  /** Counts the sources that the cap refused. */
  refused: DistinctCount | undefined = undefined;
  /** Merge in which it was last told to be hot. */
  touchedIn = 0;

  constructor(
    sources: Iterable<AddressKey>,
    readonly window: HotWindow,
  ) {
    this.sources = new Set(sources);
  }
}

/** Most crowds have one source and never another: it stands alone, and few stand in a list. */
type Held = AddressKey | AddressKey[] | Crowd;

/** Crowds of one slice, each kind by its own subject. */
type CrowdSlice = Readonly<Record<CrowdKind, Map<string, Held>>>;

/** Sources that failed at something, by slice. */
export class CrowdWindows {
  private readonly slices = new Map<number, CrowdSlice>();
  /** Counts of slices that are no longer kept, at least two sources each. */
  private readonly history = new Map<string, Map<number, number>>();

  constructor(
    private readonly limits: WindowLimits,
    private readonly counters: WindowStoreCounters,
    private readonly hash: SipHash,
  ) {}

  /**
   * The source of a failed contact joins its crowds; tells those that are hot
   * after it: with the slice before they have enough sources for a detector.
   */
  merge(contact: ContactObservation, touched: TouchedWindows): void {
    const { crowds, source, destination, port, protocol } = contact;
    if (crowds === 0) return;
    const slice = Math.floor(contact.timeMs / contactSliceMs);
    if ((crowds & crowdBit.prefix) !== 0) this.join("prefix", prefixOf(source), slice, source, touched);
    if ((crowds & crowdBit.port) !== 0) this.join("port", portKey(port, protocol), slice, source, touched);
    if ((crowds & crowdBit.service) !== 0)
      this.join("service", serviceKey(destination, port, protocol), slice, source, touched);
    if ((crowds & crowdBit.target) !== 0) this.join("target", destination, slice, source, touched);
  }

  read(key: CrowdKey): CrowdWindow {
    const held = this.slices.get(key.slice)?.[key.kind].get(key.subject);
    return { key, sources: sourcesOf(held), count: countOf(held) };
  }

  readHistory(key: CrowdKey): Map<number, number> {
    const counts = new Map(this.history.get(crowdText(key)));
    for (const [slice, crowds] of this.slices) {
      const held = crowds[key.kind].get(key.subject);
      if (held instanceof Crowd) raise(counts, slice, countOf(held));
    }
    for (const slice of counts.keys()) if (slice >= key.slice) counts.delete(slice);
    return counts;
  }

  /** Count of a slice in the history, 0 where there is none. */
  remembered(key: CrowdKey): number {
    return this.history.get(crowdText(key))?.get(key.slice) ?? 0;
  }

  remember({ kind, subject, slice, count }: CrowdCount): void {
    const text = crowdText({ kind, subject });
    let counts = this.history.get(text);
    if (counts === undefined) this.history.set(text, (counts = new Map()));
    raise(counts, slice, count);
  }

  /** Moves what lies far behind the closed slices to history, and forgets history after 7 days. */
  close(closedSlice: number): void {
    for (const [slice, crowds] of this.slices) {
      if (slice >= closedSlice - slicesKept) continue;
      for (const kind of crowdKinds)
        for (const [subject, held] of crowds[kind])
          if (held instanceof Crowd) this.remember({ kind, subject, slice, count: countOf(held) });
      this.slices.delete(slice);
    }
    for (const [text, counts] of this.history) {
      for (const slice of counts.keys()) if (slice < closedSlice - historySlicesKept) counts.delete(slice);
      if (counts.size === 0) this.history.delete(text);
    }
  }

  private join(
    kind: CrowdKind,
    subject: string,
    slice: number,
    source: AddressKey,
    touched: TouchedWindows,
  ): void {
    const crowds = this.slice(slice)[kind];
    const before = crowds.get(subject);
    if (before === undefined && crowds.size >= crowdsMax) {
      this.counters.crowdSourcesRefused++;
      return;
    }
    const held = this.add(before, source);
    if (held !== before) crowds.set(subject, held);
    const count = countOf(held);
    const earlier = this.slices.get(slice - 1)?.[kind].get(subject);
    if (count + countOf(earlier) >= hotCrowdMin[kind]) this.heat(held, { kind, subject, slice }, touched);
    const later = this.slices.get(slice + 1)?.[kind].get(subject);
    if (later !== undefined && count + countOf(later) >= hotCrowdMin[kind])
      this.heat(later, { kind, subject, slice: slice + 1 }, touched);
  }

  private heat(held: Held, key: CrowdKey, touched: TouchedWindows): void {
    if (held instanceof Crowd) {
      if (held.touchedIn === touched.merge) return;
      held.touchedIn = touched.merge;
      return touched.add(held.window, false);
    }
    const crowd = new Crowd(sourcesOf(held), { kind: "crowd", key });
    this.slice(key.slice)[key.kind].set(key.subject, crowd);
    crowd.touchedIn = touched.merge;
    touched.add(crowd.window, true);
  }

  private add(held: Held | undefined, source: AddressKey): Held {
    if (held === undefined) return source;
    if (typeof held === "string") return held === source ? held : [held, source];
    if (held instanceof Crowd) this.addToCrowd(held, source);
    else if (!held.includes(source)) held.push(source);
    return held;
  }

  private addToCrowd(crowd: Crowd, source: AddressKey): void {
    if (crowd.sources.has(source)) return;
    if (crowd.sources.size < this.limits.sourcesPerCrowdMax) crowd.sources.add(source);
    else if ((crowd.refused ??= new DistinctCount(this.hash)).add(source))
      this.counters.crowdSourcesRefused++;
  }

  private slice(number: number): CrowdSlice {
    let slice = this.slices.get(number);
    if (slice === undefined) {
      slice = { service: new Map(), target: new Map(), port: new Map(), prefix: new Map() };
      this.slices.set(number, slice);
    }
    return slice;
  }
}

function countOf(held: Held | undefined): number {
  if (held === undefined) return 0;
  if (typeof held === "string") return 1;
  return held instanceof Crowd ? held.sources.size + (held.refused?.count ?? 0) : held.length;
}

function sourcesOf(held: Held | undefined): readonly AddressKey[] {
  if (held === undefined) return [];
  if (typeof held === "string") return [held];
  return held instanceof Crowd ? [...held.sources] : [...held];
}

function raise(counts: Map<number, number>, slice: number, count: number): void {
  counts.set(slice, Math.max(count, counts.get(slice) ?? 0));
}

const crowdKinds: readonly CrowdKind[] = ["service", "target", "port", "prefix"];

function crowdText(key: { readonly kind: string; readonly subject: string }): string {
  return key.kind + key.subject;
}
