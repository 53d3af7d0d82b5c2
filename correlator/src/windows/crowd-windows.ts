import { prefixOf, type AddressKey } from "./address-key.js";
import { AddressSet } from "./address-set.js";
import { ColdCrowds, SubjectHash } from "./cold-crowds.js";
import { fingerprintKey, portKey, serviceKey } from "./contact-key.js";
import { CountedSources } from "./counted-sources.js";
import { DistinctCount } from "./distinct-count.js";
import { shortWord } from "./packed-address.js";
import type { SipHash } from "./sip-hash.js";
import type { TouchedWindows } from "./touched-windows.js";
import {
  contactSliceMs,
  crowdBit,
  crowdKinds,
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
/** Crowds of one slice, 46 MB; those of one more subject are refused. */
const crowdsMax = 1_500_000;

/** Ports of one protocol. */
const ports = 65_536;

/** Sources of a crowd that is hot. */
class Crowd {
  readonly sources = new AddressSet();
  /** Counts the sources that the cap refused. */
  refused: DistinctCount | undefined = undefined;
  /** Merge in which it was last told to be hot. */
  touchedIn = 0;

  readonly window: HotWindow;

  constructor(
    sources: Iterable<AddressKey>,
    readonly key: CrowdKey,
  ) {
    for (const source of sources) this.sources.add(source);
    this.window = { kind: "crowd", key };
  }

  get count(): number {
    return this.sources.size + (this.refused?.count ?? 0);
  }

  touch(touched: TouchedWindows): void {
    if (this.touchedIn === touched.merge) return;
    this.touchedIn = touched.merge;
    touched.add(this.window, false);
  }
}

/** Crowds of one slice: all of them by their hash, and those that are hot by their place. */
interface CrowdSlice {
  readonly cold: ColdCrowds;
  readonly hot: Crowd[];
  /** Sources of the crowds of all ports. */
  readonly atPorts: CountedSources;
}

/** Sources that failed at something, by slice. */
export class CrowdWindows {
  private readonly slices = new Map<number, CrowdSlice>();
  /** Counts of slices that are no longer kept, at least two sources each. */
  private readonly history = new Map<string, Map<number, number>>();
  /** Hash of the crowd in hand. */
  private readonly subject: SubjectHash;

  constructor(
    private readonly limits: WindowLimits,
    private readonly counters: WindowStoreCounters,
    private readonly hash: SipHash,
    seed: number,
  ) {
    this.subject = new SubjectHash(seed);
  }

  /**
   * The source of a failed contact joins its crowds; tells those that are hot
   * after it: with the slice before they have enough sources for a detector.
   */
  merge(contact: ContactObservation, touched: TouchedWindows): void {
    if (contact.crowds === 0) return;
    const number = Math.floor(contact.timeMs / contactSliceMs);
    const slice = this.slice(number);
    if ((contact.crowds & crowdBit.port) !== 0) slice.atPorts.add(contact.source);
    for (let kind = 0; kind < crowdKinds.length; kind++)
      if ((contact.crowds & kindBits[kind]) !== 0) this.join(kind, contact, number, slice, touched);
  }

  read(key: CrowdKey): CrowdWindow {
    this.subject.set(crowdKinds.indexOf(key.kind), key.subject);
    const slice = this.slices.get(key.slice);
    const slot = slice?.cold.find(this.subject) ?? -1;
    if (slice === undefined || slot < 0) return { key, sources: [], count: 0, evenShare: 0 };
    const crowd = hotAt(slice, slot);
    const sources = crowd === undefined ? slice.cold.sourcesOf(slot) : crowd.sources.keys();
    const others = key.kind === "port" ? Math.max(0, slice.atPorts.count - sources.length) : 0;
    return { key, sources, count: crowd?.count ?? sources.length, evenShare: others / ports };
  }

  readHistory(key: CrowdKey): Map<number, number> {
    const counts = new Map(this.history.get(crowdText(key)));
    this.subject.set(crowdKinds.indexOf(key.kind), key.subject);
    for (const [number, slice] of this.slices) {
      const slot = slice.cold.find(this.subject);
      const crowd = slot < 0 ? undefined : hotAt(slice, slot);
      if (crowd !== undefined) raise(counts, number, crowd.count);
    }
    for (const slice of counts.keys()) if (slice >= key.slice) counts.delete(slice);
    return counts;
  }

  /** Count of a slice in the history, 0 where there is none. */
  remembered(key: CrowdKey): number {
    return this.history.get(crowdText(key))?.get(key.slice) ?? 0;
  }

  remember(crowd: CrowdCount): void {
    this.rememberText(crowdText(crowd), crowd.slice, crowd.count);
  }

  private rememberText(text: string, slice: number, count: number): void {
    let counts = this.history.get(text);
    if (counts === undefined) this.history.set(text, (counts = new Map()));
    raise(counts, slice, count);
  }

  /** Moves what lies far behind the closed slices to history, and forgets history after 7 days. */
  close(closedSlice: number): void {
    for (const [slice, { hot }] of this.slices) {
      if (slice >= closedSlice - slicesKept) continue;
      for (const crowd of hot) this.rememberText(crowdText(crowd.key), slice, crowd.count);
      this.slices.delete(slice);
    }
    for (const [text, counts] of this.history) {
      for (const slice of counts.keys()) if (slice < closedSlice - historySlicesKept) counts.delete(slice);
      if (counts.size === 0) this.history.delete(text);
    }
  }

  private join(
    kind: number,
    contact: ContactObservation,
    number: number,
    here: CrowdSlice,
    touched: TouchedWindows,
  ): void {
    hashSubject(this.subject, kind, contact);
    const slot = here.cold.findOrAdd(this.subject);
    if (slot < 0) {
      this.counters.crowdSourcesRefused++;
      return;
    }
    const crowd = hotAt(here, slot);
    if (crowd === undefined) this.addToCold(here, slot, kind, contact, number, touched);
    else {
      this.addToCrowd(crowd, contact.source);
      crowd.touch(touched);
    }
    if (this.slices.has(number + 1)) this.heatNext(here, slot, kind, contact, number + 1, touched);
  }

  private addToCold(
    here: CrowdSlice,
    slot: number,
    kind: number,
    contact: ContactObservation,
    number: number,
    touched: TouchedWindows,
  ): void {
    const isHeld = here.cold.add(slot, contact.source);
    const count = here.cold.count(slot) + (isHeld ? 0 : 1);
    if (count < hotMin[kind] && count + this.countIn(number - 1) < hotMin[kind]) return;
    const crowd = this.heat(here, slot, keyOf(kind, contact, number), touched);
    if (!isHeld) this.addToCrowd(crowd, contact.source);
  }

  /** What came late may complete the slice after. */
  private heatNext(
    here: CrowdSlice,
    slot: number,
    kind: number,
    contact: ContactObservation,
    number: number,
    touched: TouchedWindows,
  ): void {
    const next = this.slices.get(number);
    if (next === undefined) return;
    const nextSlot = next.cold.find(this.subject);
    if (nextSlot < 0) return;
    const known = hotAt(next, nextSlot);
    if (known !== undefined) return known.touch(touched);
    if (countAt(here, slot) + countAt(next, nextSlot) >= hotMin[kind])
      this.heat(next, nextSlot, keyOf(kind, contact, number), touched);
  }

  private heat({ cold, hot }: CrowdSlice, slot: number, key: CrowdKey, touched: TouchedWindows): Crowd {
    const crowd = new Crowd(cold.sourcesOf(slot), key);
    cold.markHot(slot, hot.push(crowd) - 1);
    crowd.touchedIn = touched.merge;
    touched.add(crowd.window, true);
    return crowd;
  }

  /** Sources in a slice of the crowd whose subject is in `this.subject`. */
  private countIn(slice: number): number {
    const there = this.slices.get(slice);
    const slot = there === undefined ? -1 : there.cold.find(this.subject);
    return there === undefined || slot < 0 ? 0 : countAt(there, slot);
  }

  private addToCrowd(crowd: Crowd, source: AddressKey): void {
    if (crowd.sources.size < this.limits.sourcesPerCrowdMax) return void crowd.sources.add(source);
    if (crowd.sources.has(source)) return;
    if ((crowd.refused ??= new DistinctCount(this.hash)).add(source)) this.counters.crowdSourcesRefused++;
  }

  private slice(number: number): CrowdSlice {
    let slice = this.slices.get(number);
    if (slice === undefined)
      this.slices.set(
        number,
        (slice = { cold: new ColdCrowds(crowdsMax), hot: [], atPorts: new CountedSources(this.hash) }),
      );
    return slice;
  }
}

const kindBits = crowdKinds.map((kind) => crowdBit[kind]);
const hotMin = crowdKinds.map((kind) => hotCrowdMin[kind]);

function keyOf(kind: number, contact: ContactObservation, slice: number): CrowdKey {
  return { kind: crowdKinds[kind], subject: subjectOf(crowdKinds[kind], contact), slice };
}

/** Subject of the crowd of a kind that a contact joins. */
function subjectOf(kind: CrowdKind, contact: ContactObservation): string {
  const { source, destination, port, protocol, fingerprint } = contact;
  if (kind === "service") return serviceKey(destination, port, protocol);
  if (kind === "target") return destination;
  if (kind === "port") return portKey(port, protocol);
  return kind === "prefix" ? prefixOf(source) : fingerprintKey(fingerprint);
}

/** Hash of `subjectOf`, for IPv4 without making the text. */
function hashSubject(hash: SubjectHash, kind: number, contact: ContactObservation): void {
  const { source, destination, port, protocol, fingerprint } = contact;
  const name = crowdKinds[kind];
  if (source.length !== 4 || destination.length !== 4) return hash.set(kind, subjectOf(name, contact));
  const portWord = (port << 16) | (protocol << 8);
  hash.begin(kind, subjectLengths[name]);
  if (name === "service") {
    hash.add(shortWord(destination));
    hash.add(portWord);
  } else if (name === "target") hash.add(shortWord(destination));
  else if (name === "port") hash.add(portWord);
  else hash.add(name === "prefix" ? shortWord(source) & ~0xff : fingerprint | 0);
  hash.finish();
}

/** Chars of subjects of IPv4. */
const subjectLengths: Readonly<Record<CrowdKind, number>> = {
  service: 7,
  target: 4,
  port: 3,
  prefix: 3,
  fingerprint: 4,
};

/** The crowd in a slot, once it is hot. */
function hotAt({ cold, hot }: CrowdSlice, slot: number): Crowd | undefined {
  return cold.isHot(slot) ? hot[cold.place(slot)] : undefined;
}

function countAt(slice: CrowdSlice, slot: number): number {
  return hotAt(slice, slot)?.count ?? slice.cold.count(slot);
}

function raise(counts: Map<number, number>, slice: number, count: number): void {
  counts.set(slice, Math.max(count, counts.get(slice) ?? 0));
}

function crowdText(key: { readonly kind: string; readonly subject: string }): string {
  return key.kind + key.subject;
}
