import { finishHash, mixWord } from "../flows/flow-hash.js";
import type { AddressKey } from "./address-key.js";

/** Sources that a crowd holds before it is hot. */
export const coldSourcesMax = 3;
const firstSlots = 1 << 10;
/** In place of a count: the crowd is hot and kept elsewhere, at the place in its first source. */
const hotMark = 0xff;

/** Seeded hash of a crowd's kind and subject, 64 bits; one object, for one after the other. */
export class SubjectHash {
  high = 0;
  low = 0;

  constructor(private readonly seed: number) {}

  /** @param kind number of the kind of crowd */
  set(kind: number, subject: string): void {
    let high = mixWord(this.seed, kind);
    let low = mixWord(this.seed ^ 0x5bd1e995, kind);
    for (let i = 0; i < subject.length; i++) {
      const char = subject.charCodeAt(i);
      high = mixWord(high, char);
      low = mixWord(low, char + 256);
    }
    this.high = finishHash(high);
    this.low = finishHash(low);
  }
}

/**
 * Crowds of one slice that are too small for any detector: hash of kind and
 * subject, and up to three sources, in a table of 21 bytes a slot. Nearly every
 * crowd is one; nothing is allocated for it.
 */
export class ColdCrowds {
  size = 0;
  private high = new Int32Array(firstSlots);
  private low = new Int32Array(firstSlots);
  /** IPv4 addresses, or places in `longSources`. */
  private sources = new Uint32Array(firstSlots * coldSourcesMax);
  /** Sources held and one more, 0 for a free slot, or `hotMark`. */
  private counts = new Uint8Array(firstSlots);
  /** Which of the sources are places. */
  private longBits = new Uint8Array(firstSlots);
  private readonly longSources: AddressKey[] = [];

  constructor(private readonly sizeMax: number) {}

  /** Slot of a crowd; -1 when it is not there. */
  find(hash: SubjectHash): number {
    const slot = this.probe(hash.high, hash.low);
    return this.counts[slot] === 0 ? -1 : slot;
  }

  /** Slot of a crowd, made when it is not there; -1 when there is no room for one more. */
  findOrAdd(hash: SubjectHash): number {
    let slot = this.probe(hash.high, hash.low);
    if (this.counts[slot] !== 0) return slot;
    if (this.size >= this.sizeMax) return -1;
    if (this.size * 4 >= this.counts.length * 3) {
      this.grow();
      slot = this.probe(hash.high, hash.low);
    }
    this.high[slot] = hash.high;
    this.low[slot] = hash.low;
    this.counts[slot] = 1;
    this.size++;
    return slot;
  }

  isHot(slot: number): boolean {
    return this.counts[slot] === hotMark;
  }

  /** Sources of a crowd that is not hot. */
  count(slot: number): number {
    return this.counts[slot] - 1;
  }

  /** @param place where the crowd is kept from now on */
  markHot(slot: number, place: number): void {
    this.counts[slot] = hotMark;
    this.sources[slot * coldSourcesMax] = place;
  }

  /** Where a crowd that is hot is kept. */
  place(slot: number): number {
    return this.sources[slot * coldSourcesMax];
  }

  /** Adds a source to a crowd that is not hot; false when it has no room for it. */
  add(slot: number, source: AddressKey): boolean {
    const count = this.count(slot);
    for (let i = 0; i < count; i++) if (this.source(slot, i) === source) return true;
    if (count === coldSourcesMax) return false;
    this.sources[slot * coldSourcesMax + count] =
      source.length === 4 ? wordOf(source) : this.keep(slot, count, source);
    this.counts[slot]++;
    return true;
  }

  /** The sources of a crowd that is not hot. */
  sourcesOf(slot: number): AddressKey[] {
    return Array.from({ length: this.count(slot) }, (_, index) => this.source(slot, index));
  }

  private source(slot: number, index: number): AddressKey {
    const held = this.sources[slot * coldSourcesMax + index];
    return (this.longBits[slot] & (1 << index)) === 0 ? addressOf(held) : this.longSources[held];
  }

  private keep(slot: number, index: number, source: AddressKey): number {
    this.longBits[slot] |= 1 << index;
    return this.longSources.push(source) - 1;
  }

  private probe(hashHigh: number, hashLow: number): number {
    const mask = this.counts.length - 1;
    let slot = hashLow & mask;
    while (this.counts[slot] !== 0 && (this.high[slot] !== hashHigh || this.low[slot] !== hashLow))
      slot = (slot + 1) & mask;
    return slot;
  }

  private grow(): void {
    const { high, low, sources, counts, longBits } = this;
    const slots = counts.length * 2;
    this.high = new Int32Array(slots);
    this.low = new Int32Array(slots);
    this.sources = new Uint32Array(slots * coldSourcesMax);
    this.counts = new Uint8Array(slots);
    this.longBits = new Uint8Array(slots);
    for (let from = 0; from < counts.length; from++) {
      if (counts[from] === 0) continue;
      const slot = this.probe(high[from], low[from]);
      this.high[slot] = high[from];
      this.low[slot] = low[from];
      this.counts[slot] = counts[from];
      this.longBits[slot] = longBits[from];
      for (let i = 0; i < coldSourcesMax; i++)
        this.sources[slot * coldSourcesMax + i] = sources[from * coldSourcesMax + i];
    }
  }
}

function wordOf(source: AddressKey): number {
  return (
    ((source.charCodeAt(0) << 24) |
      (source.charCodeAt(1) << 16) |
      (source.charCodeAt(2) << 8) |
      source.charCodeAt(3)) >>>
    0
  );
}

function addressOf(word: number): AddressKey {
  return String.fromCharCode(word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff);
}
