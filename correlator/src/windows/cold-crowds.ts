import { finishHash, mixWord } from "../flows/flow-hash.js";
import type { AddressKey } from "./address-key.js";
import { shortKey, shortWord, wordAt } from "./packed-address.js";

/** Sources that a crowd holds before it is hot. */
export const coldSourcesMax = 3;
const firstSlots = 1 << 10;
/** In place of a count: the crowd is hot and kept elsewhere, at the place in its first source. */
const hotMark = 0xf;

/** Words of a slot: a half of the hash; the other, but for its last byte, with the state; the sources. */
const hashLow = 0;
const hashHigh = 1;
const firstSource = 2;
const wordsPerSlot = firstSource + coldSourcesMax;
/** Sources held and one more, 0 for a free slot, or `hotMark`; above it which sources are places in `longSources`. */
const countMask = 0xf;
const longShift = 4;
const stateMask = 0xff;

/** Seeded hash of a crowd's kind and subject, 56 bits; one object, for one after the other. */
export class SubjectHash {
  high = 0;
  low = 0;

  constructor(private readonly seed: number) {}

  /** @param kind number of the kind of crowd */
  set(kind: number, text: string): void {
    this.begin(kind, text.length);
    for (let at = 0; at < text.length; at += 4) this.add(wordAt(text, at));
    this.finish();
  }

  /** The same as `set` with a text of so many chars, which the words make, four chars each. */
  begin(kind: number, length: number): void {
    this.high = mixWord(this.seed, kind);
    this.low = mixWord(this.seed ^ 0x5bd1e995, length);
  }

  add(word: number): void {
    this.high = mixWord(this.high, word);
    this.low = mixWord(this.low, ~word);
  }

  finish(): void {
    this.high = finishHash(this.high) & ~stateMask;
    this.low = finishHash(this.low);
  }
}

/**
 * Crowds of one slice that are too small for any detector: hash of kind and
 * subject, and up to three sources, in a table of 20 bytes a slot. Nearly every
 * crowd is one; nothing is allocated for it.
 */
export class ColdCrowds {
  size = 0;
  private slots = new Int32Array(firstSlots * wordsPerSlot);
  private mask = firstSlots - 1;
  private readonly longSources: AddressKey[] = [];

  constructor(private readonly sizeMax: number) {}

  /** Slot of a crowd; -1 when it is not there. */
  find(hash: SubjectHash): number {
    const slot = this.probe(hash.high, hash.low);
    return this.isFree(slot) ? -1 : slot;
  }

  /** Slot of a crowd, made when it is not there; -1 when there is no room for one more. */
  findOrAdd(hash: SubjectHash): number {
    let slot = this.probe(hash.high, hash.low);
    if (!this.isFree(slot)) return slot;
    if (this.size >= this.sizeMax) return -1;
    if (++this.size * 4 > (this.mask + 1) * 3) {
      this.grow();
      slot = this.probe(hash.high, hash.low);
    }
    this.slots[slot * wordsPerSlot + hashLow] = hash.low;
    this.slots[slot * wordsPerSlot + hashHigh] = hash.high | 1;
    return slot;
  }

  isHot(slot: number): boolean {
    return (this.state(slot) & countMask) === hotMark;
  }

  /** Sources of a crowd that is not hot. */
  count(slot: number): number {
    return (this.state(slot) & countMask) - 1;
  }

  /** @param place where the crowd is kept from now on */
  markHot(slot: number, place: number): void {
    this.slots[slot * wordsPerSlot + hashHigh] |= hotMark;
    this.slots[slot * wordsPerSlot + firstSource] = place;
  }

  /** Where a crowd that is hot is kept. */
  place(slot: number): number {
    return this.slots[slot * wordsPerSlot + firstSource];
  }

  /** Adds a source to a crowd that is not hot; false when it has no room for it. */
  add(slot: number, source: AddressKey): boolean {
    const count = this.count(slot);
    const word = source.length === 4 ? shortWord(source) : -1;
    for (let index = 0; index < count; index++) if (this.isSource(slot, index, source, word)) return true;
    if (count === coldSourcesMax) return false;
    const at = slot * wordsPerSlot;
    this.slots[at + firstSource + count] = source.length === 4 ? word : this.keep(at, count, source);
    this.slots[at + hashHigh]++;
    return true;
  }

  /** The sources of a crowd that is not hot. */
  sourcesOf(slot: number): AddressKey[] {
    return Array.from({ length: this.count(slot) }, (_, index) => this.source(slot, index));
  }

  private isSource(slot: number, index: number, source: AddressKey, word: number): boolean {
    if (this.isLong(slot, index)) return this.source(slot, index) === source;
    return source.length === 4 && this.slots[slot * wordsPerSlot + firstSource + index] === word;
  }

  private source(slot: number, index: number): AddressKey {
    const held = this.slots[slot * wordsPerSlot + firstSource + index];
    return this.isLong(slot, index) ? this.longSources[held] : shortKey(held);
  }

  private isLong(slot: number, index: number): boolean {
    return (this.state(slot) & (1 << (longShift + index))) !== 0;
  }

  private isFree(slot: number): boolean {
    return (this.state(slot) & countMask) === 0;
  }

  private state(slot: number): number {
    return this.slots[slot * wordsPerSlot + hashHigh];
  }

  private keep(at: number, index: number, source: AddressKey): number {
    this.slots[at + hashHigh] |= 1 << (longShift + index);
    return this.longSources.push(source) - 1;
  }

  /** Slot of the crowd with this hash, or the free one where it would be. */
  private probe(high: number, low: number): number {
    const { slots, mask } = this;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const state = slots[slot * wordsPerSlot + hashHigh];
      if ((state & countMask) === 0) return slot;
      if (slots[slot * wordsPerSlot + hashLow] === low && (state & ~stateMask) === high) return slot;
    }
  }

  private grow(): void {
    const { slots } = this;
    this.slots = new Int32Array(slots.length * 2);
    this.mask = this.mask * 2 + 1;
    for (let from = 0; from < slots.length; from += wordsPerSlot) {
      const state = slots[from + hashHigh];
      if ((state & countMask) === 0) continue;
      const to = this.probe(state & ~stateMask, slots[from + hashLow]) * wordsPerSlot;
      for (let word = 0; word < wordsPerSlot; word++) this.slots[to + word] = slots[from + word];
    }
  }
}
