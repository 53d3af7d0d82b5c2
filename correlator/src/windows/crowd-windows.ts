import { prefixOf, type AddressKey } from "./address-key.js";
import { portKey, serviceKey } from "./contact-key.js";
import type { TouchWindow } from "./source-windows.js";
import {
  contactSliceMs,
  crowdBit,
  hotSourcesMin,
  type ContactObservation,
  type CrowdCount,
  type CrowdKey,
  type CrowdKind,
  type CrowdWindow,
  type HotWindow,
  type WindowLimits,
  type WindowStoreCounters,
} from "./window-store.js";

/** Slices behind the closed ones whose sources are kept; counts are kept for 7 days. */
const slicesKept = 6;
const historySlicesKept = 7 * 144;
/** Crowds of one kind and slice; those of one more subject are refused. */
const crowdsMax = 500_000;
/** Refused sources of one crowd that are told apart. */
const refusedMax = 65_536;

/** Sources of one crowd, from the second on. */
class Crowd {
  refused: Set<AddressKey> | undefined = undefined;
  window: HotWindow | undefined = undefined;

  constructor(readonly sources: Set<AddressKey>) {}

  get count(): number {
    return this.sources.size + (this.refused?.size ?? 0);
  }
}

/** Most crowds have one source and never another: it stands alone until a second comes. */
type Held = Crowd | AddressKey;

/** Crowds of one slice, each kind by its own subject. */
class CrowdSlice {
  readonly crowds: Readonly<Record<CrowdKind, Map<string, Held>>> = {
    service: new Map(),
    target: new Map(),
    port: new Map(),
    prefix: new Map(),
  };
  /** Windows that are hot because of the slice before, by `crowdText`. */
  readonly followers = new Map<string, HotWindow>();
}

/** Sources that failed at something, by slice. */
export class CrowdWindows {
  private readonly slices = new Map<number, CrowdSlice>();
  /** Counts of slices that are no longer kept, at least two sources each. */
  private readonly history = new Map<string, Map<number, number>>();

  constructor(
    private readonly limits: WindowLimits,
    private readonly counters: WindowStoreCounters,
  ) {}

  /** The source of a failed contact joins its crowds; tells those that are hot after it. */
  merge(contact: ContactObservation, touch: TouchWindow): void {
    const { crowds, source, destination, port, protocol } = contact;
    if (crowds === 0) return;
    const slice = Math.floor(contact.timeMs / contactSliceMs);
    if ((crowds & crowdBit.prefix) !== 0) this.join("prefix", prefixOf(source), slice, source, touch);
    if ((crowds & crowdBit.port) !== 0) this.join("port", portKey(port, protocol), slice, source, touch);
    if ((crowds & crowdBit.service) !== 0)
      this.join("service", serviceKey(destination, port, protocol), slice, source, touch);
    if ((crowds & crowdBit.target) !== 0) this.join("target", destination, slice, source, touch);
  }

  read(key: CrowdKey): CrowdWindow {
    const held = this.slices.get(key.slice)?.crowds[key.kind].get(key.subject);
    if (held === undefined) return { key, sources: [], count: 0 };
    if (typeof held === "string") return { key, sources: [held], count: 1 };
    return { key, sources: [...held.sources], count: held.count };
  }

  readHistory(key: CrowdKey): Map<number, number> {
    const counts = new Map(this.history.get(crowdText(key)));
    for (const [slice, { crowds }] of this.slices) {
      const held = crowds[key.kind].get(key.subject);
      if (held === undefined || typeof held === "string") continue;
      if (held.count >= hotSourcesMin) counts.set(slice, Math.max(held.count, counts.get(slice) ?? 0));
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
    counts.set(slice, Math.max(count, counts.get(slice) ?? 0));
  }

  /** Moves what lies far behind the closed slices to history, and forgets history after 7 days. */
  close(closedSlice: number): void {
    for (const [slice, { crowds }] of this.slices) {
      if (slice >= closedSlice - slicesKept) continue;
      for (const kind of crowdKinds)
        for (const [subject, held] of crowds[kind])
          if (typeof held !== "string") this.remember({ kind, subject, slice, count: held.count });
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
    touch: TouchWindow,
  ): void {
    const { crowds, followers } = this.slice(slice);
    const held = crowds[kind].get(subject);
    if (held === undefined) {
      if (crowds[kind].size < crowdsMax) crowds[kind].set(subject, source);
      else this.counters.crowdSourcesRefused++;
    }
    if (held === undefined || held === source) {
      if (followers.size === 0) return;
      const follower = followers.get(crowdText({ kind, subject }));
      if (follower !== undefined) touch(follower, false);
      return;
    }
    const crowd = typeof held === "string" ? new Crowd(new Set([held])) : held;
    if (crowd !== held) crowds[kind].set(subject, crowd);
    this.add(crowd, source);
    if (crowd.window === undefined) this.heat(crowd, { kind, subject, slice }, touch);
    else touch(crowd.window, false);
  }

  /** Hot from its second source on, in this slice and the next. */
  private heat(crowd: Crowd, key: CrowdKey, touch: TouchWindow): void {
    const text = crowdText(key);
    const following = this.slice(key.slice).followers.get(text);
    crowd.window = following ?? { kind: "crowd", key };
    touch(crowd.window, following === undefined);
    const next = this.slice(key.slice + 1);
    if (next.followers.has(text)) return;
    const held = next.crowds[key.kind].get(key.subject);
    const known = typeof held === "object" ? held.window : undefined;
    const window: HotWindow = known ?? { kind: "crowd", key: { ...key, slice: key.slice + 1 } };
    next.followers.set(text, window);
    if (known === undefined) touch(window, true, true);
  }

  private add(crowd: Crowd, source: AddressKey): void {
    if (crowd.sources.has(source)) return;
    if (crowd.sources.size < this.limits.sourcesPerCrowdMax) crowd.sources.add(source);
    else this.refuse((crowd.refused ??= new Set()), source);
  }

  private refuse(refused: Set<AddressKey>, source: AddressKey): void {
    if (refused.size >= refusedMax || refused.has(source)) return;
    refused.add(source);
    this.counters.crowdSourcesRefused++;
  }

  private slice(number: number): CrowdSlice {
    let slice = this.slices.get(number);
    if (slice === undefined) this.slices.set(number, (slice = new CrowdSlice()));
    return slice;
  }
}

const crowdKinds: readonly CrowdKind[] = ["service", "target", "port", "prefix"];

function crowdText(key: { readonly kind: string; readonly subject: string }): string {
  return key.kind + key.subject;
}
