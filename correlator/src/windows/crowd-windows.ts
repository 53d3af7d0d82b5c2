import type { AddressKey } from "./address-key.js";
import {
  hotSourcesMin,
  type CrowdKey,
  type CrowdCount,
  type CrowdWindow,
  type HotWindow,
  type WindowLimits,
  type WindowStoreCounters,
} from "./window-store.js";

/** Slices behind the closed ones whose sources are kept; counts are kept for 7 days. */
const slicesKept = 6;
const historySlicesKept = 7 * 144;
/** Refused sources of one crowd that are told apart. */
const refusedMax = 65_536;

/** Most crowds have one source and never another: it stands alone until a second comes. */
class Crowd {
  only: AddressKey | undefined;
  sources: Set<AddressKey> | undefined;
  refused: Set<AddressKey> | undefined;
  window: HotWindow | undefined;

  constructor(source: AddressKey) {
    this.only = source;
  }

  get listed(): number {
    return this.sources?.size ?? 1;
  }

  get count(): number {
    return this.listed + (this.refused?.size ?? 0);
  }
}

/** Sources that failed at something, by slice. */
export class CrowdWindows {
  private readonly slices = new Map<number, Map<string, Crowd>>();
  /** Counts of slices that are no longer kept, at least two sources each. */
  private readonly history = new Map<string, Map<number, number>>();

  constructor(
    private readonly limits: WindowLimits,
    private readonly counters: WindowStoreCounters,
  ) {}

  /**
   * Merges one source; the crowd's window when it is hot after this, with
   * `isNew` when it just became so (then the next slice is hot too).
   */
  merge(key: CrowdKey, source: AddressKey): { window: HotWindow; isNew: boolean } | undefined {
    const text = crowdText(key);
    const crowd = this.add(key.slice, text, source);
    if (crowd.window !== undefined) return { window: crowd.window, isNew: false };
    if (crowd.listed >= hotSourcesMin)
      return { window: (crowd.window = { kind: "crowd", key }), isNew: true };
    const before = this.slices.get(key.slice - 1)?.get(text);
    return before?.window === undefined ? undefined : { window: { kind: "crowd", key }, isNew: false };
  }

  read(key: CrowdKey): CrowdWindow {
    const crowd = this.slices.get(key.slice)?.get(crowdText(key));
    if (crowd === undefined) return { key, sources: [], count: 0 };
    return { key, sources: sourcesOf(crowd), count: crowd.count };
  }

  readHistory(key: CrowdKey): Map<number, number> {
    const text = crowdText(key);
    const counts = new Map(this.history.get(text));
    for (const [slice, crowds] of this.slices) {
      const count = crowds.get(text)?.count ?? 0;
      if (count >= hotSourcesMin) counts.set(slice, Math.max(count, counts.get(slice) ?? 0));
    }
    for (const slice of counts.keys()) if (slice >= key.slice) counts.delete(slice);
    return counts;
  }

  /** Moves what lies far behind the closed slices to history, and forgets history after 7 days. */
  close(closedSlice: number): void {
    for (const [slice, crowds] of this.slices) {
      if (slice >= closedSlice - slicesKept) continue;
      for (const [text, crowd] of crowds)
        if (crowd.count >= hotSourcesMin) this.rememberText(text, slice, crowd.count);
      this.slices.delete(slice);
    }
    for (const [text, counts] of this.history) {
      for (const slice of counts.keys()) if (slice < closedSlice - historySlicesKept) counts.delete(slice);
      if (counts.size === 0) this.history.delete(text);
    }
  }

  /** Count of a slice in the history, 0 where there is none. */
  remembered(key: CrowdKey): number {
    return this.history.get(crowdText(key))?.get(key.slice) ?? 0;
  }

  remember(count: CrowdCount): void {
    this.rememberText(crowdText(count), count.slice, count.count);
  }

  private add(slice: number, text: string, source: AddressKey): Crowd {
    let crowds = this.slices.get(slice);
    if (crowds === undefined) this.slices.set(slice, (crowds = new Map()));
    let crowd = crowds.get(text);
    if (crowd === undefined) crowds.set(text, (crowd = new Crowd(source)));
    else this.join(crowd, source);
    return crowd;
  }

  private join(crowd: Crowd, source: AddressKey): void {
    if (crowd.only === source || crowd.sources?.has(source)) return;
    if (crowd.sources === undefined) {
      crowd.sources = new Set(crowd.only === undefined ? [source] : [crowd.only, source]);
      crowd.only = undefined;
    } else if (crowd.sources.size < this.limits.sourcesPerCrowdMax) crowd.sources.add(source);
    else this.refuse((crowd.refused ??= new Set()), source);
  }

  private refuse(refused: Set<AddressKey>, source: AddressKey): void {
    if (refused.size >= refusedMax || refused.has(source)) return;
    refused.add(source);
    this.counters.crowdSourcesRefused++;
  }

  private rememberText(text: string, slice: number, count: number): void {
    let counts = this.history.get(text);
    if (counts === undefined) this.history.set(text, (counts = new Map()));
    counts.set(slice, Math.max(count, counts.get(slice) ?? 0));
  }
}

function sourcesOf(crowd: Crowd): AddressKey[] {
  if (crowd.sources !== undefined) return [...crowd.sources];
  return crowd.only === undefined ? [] : [crowd.only];
}

function crowdText(key: { readonly kind: string; readonly subject: string }): string {
  return key.kind + key.subject;
}
