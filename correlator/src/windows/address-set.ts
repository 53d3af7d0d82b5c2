import type { AddressKey } from "./address-key.js";
import { shortKey, shortWord } from "./packed-address.js";

const firstSlots = 8;

/** Distinct addresses: those of IPv4 in a table of words, at a load of at most a half. */
export class AddressSet {
  size = 0;
  /** Words; 0 is free, so that 0.0.0.0 is among the others. */
  private words = new Int32Array(firstSlots);
  private others: Set<AddressKey> | undefined;

  has(address: AddressKey): boolean {
    const word = address.length === 4 ? shortWord(address) : 0;
    return word === 0 ? this.others?.has(address) === true : this.words[this.placeOf(word)] === word;
  }

  /** False when it was there. */
  add(address: AddressKey): boolean {
    const word = address.length === 4 ? shortWord(address) : 0;
    if (word === 0) return this.addOther(address);
    const place = this.placeOf(word);
    if (this.words[place] === word) return false;
    this.words[place] = word;
    if (++this.size * 2 > this.words.length) this.grow();
    return true;
  }

  /** All of them, in no particular order. */
  keys(): AddressKey[] {
    const keys: AddressKey[] = this.others === undefined ? [] : [...this.others];
    for (const word of this.words) if (word !== 0) keys.push(shortKey(word));
    return keys;
  }

  private addOther(address: AddressKey): boolean {
    const others = (this.others ??= new Set());
    if (others.has(address)) return false;
    others.add(address);
    this.size++;
    return true;
  }

  private placeOf(word: number): number {
    const { words } = this;
    const mask = words.length - 1;
    let place = (Math.imul(word, 0x9e3779b1) >>> 16) & mask;
    while (words[place] !== 0 && words[place] !== word) place = (place + 1) & mask;
    return place;
  }

  private grow(): void {
    const { words } = this;
    this.words = new Int32Array(words.length * 2);
    for (const word of words) if (word !== 0) this.words[this.placeOf(word)] = word;
  }
}
