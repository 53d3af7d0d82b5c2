import type { AddressKey } from "./address-key.js";
import { shortKey, shortWord } from "./packed-address.js";

/** Up to so many are a list that is searched, beyond it a table: most sets are small, and there are many. */
const listedMax = 24;
const firstSlots = 64;
const noSlots = new Int32Array(0);

/** Distinct addresses: those of IPv4 as words, first a list, then a table at a load of at most a half. */
export class AddressSet {
  size = 0;
  private list: number[] = [];
  /** Words; 0 is free, so that 0.0.0.0 is among the others. */
  private slots = noSlots;
  private others: Set<AddressKey> | undefined = undefined;

  has(address: AddressKey): boolean {
    const word = address.length === 4 ? shortWord(address) : 0;
    return word === 0 ? this.others?.has(address) === true : this.hasWord(word);
  }

  /** False when it was there. */
  add(address: AddressKey): boolean {
    const word = address.length === 4 ? shortWord(address) : 0;
    if (word === 0) return this.addOther(address);
    if (this.hasWord(word)) return false;
    this.size++;
    if (this.slots.length === 0 && this.list.length < listedMax) this.list.push(word);
    else this.addToTable(word);
    return true;
  }

  /** All of them, in no particular order. */
  keys(): AddressKey[] {
    const keys: AddressKey[] = this.others === undefined ? [] : [...this.others];
    for (const word of this.list) keys.push(shortKey(word));
    for (const word of this.slots) if (word !== 0) keys.push(shortKey(word));
    return keys;
  }

  private hasWord(word: number): boolean {
    return this.slots.length === 0 ? this.list.includes(word) : this.slots[this.placeOf(word)] === word;
  }

  private addOther(address: AddressKey): boolean {
    const others = (this.others ??= new Set());
    if (others.has(address)) return false;
    others.add(address);
    this.size++;
    return true;
  }

  private addToTable(word: number): void {
    const { list, slots } = this;
    if (this.size * 2 > slots.length) {
      this.slots = new Int32Array(Math.max(firstSlots, slots.length * 2));
      this.list = [];
      for (const known of list) this.put(known);
      for (const known of slots) if (known !== 0) this.put(known);
    }
    this.put(word);
  }

  private put(word: number): void {
    this.slots[this.placeOf(word)] = word;
  }

  /** Place of a word in the table, or the free one where it would be. */
  private placeOf(word: number): number {
    const { slots } = this;
    const mask = slots.length - 1;
    let place = (Math.imul(word, 0x9e3779b1) >>> 16) & mask;
    while (slots[place] !== 0 && slots[place] !== word) place = (place + 1) & mask;
    return place;
  }
}
