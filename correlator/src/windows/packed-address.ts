import { finishHash, mixWord } from "../flows/flow-hash.js";
import type { AddressKey } from "./address-key.js";

/** Words of a packed address. */
export const addressWords = 4;
const textsKept = 1 << 14;
const keptWords = new Uint32Array(textsKept);
const keptTexts: (AddressKey | undefined)[] = Array.from({ length: textsKept });

/** A key of at most sixteen chars as four words and its length; one object, for one after the other. */
export class PackedAddress {
  length = 0;
  a = 0;
  b = 0;
  c = 0;
  d = 0;

  set(key: AddressKey): void {
    this.length = key.length;
    this.a = wordAt(key, 0);
    if (key.length <= 4) {
      this.b = this.c = this.d = 0;
      return;
    }
    this.b = wordAt(key, 4);
    this.c = wordAt(key, 8);
    this.d = wordAt(key, 12);
  }

  /** Puts the words in a row from `at` on. */
  put(words: Int32Array, at: number): void {
    words[at] = this.a;
    words[at + 1] = this.b;
    words[at + 2] = this.c;
    words[at + 3] = this.d;
  }

  /** True when the row has these words from `at` on. */
  isAt(words: Int32Array, at: number): boolean {
    return (
      words[at] === this.a && words[at + 1] === this.b && words[at + 2] === this.c && words[at + 3] === this.d
    );
  }

  /** The hash mixed with the address. */
  mix(hash: number): number {
    const mixed = mixWord(hash, this.a);
    if (this.length <= 4) return finishHash(mixed ^ this.length);
    return finishHash(mixWord(mixWord(mixWord(mixed, this.b), this.c), this.d) ^ this.length);
  }
}

/** Key of the words in a row from `at` on. */
export function unpackAddress(words: Int32Array, at: number, length: number): AddressKey {
  if (length === 4) return shortKey(words[at]);
  let key = "";
  for (let i = 0; i < length; i++)
    key += String.fromCharCode((words[at + (i >>> 2)] >>> (24 - 8 * (i & 3))) & 0xff);
  return key;
}

/** Key of an IPv4 address; the same text for as long as no other took its place. */
export function shortKey(word: number): AddressKey {
  const place = (Math.imul(word, 0x9e3779b1) >>> 18) & (textsKept - 1);
  const kept = keptTexts[place];
  if (kept !== undefined && keptWords[place] === word >>> 0) return kept;
  const key = String.fromCharCode(word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff);
  keptTexts[place] = key;
  keptWords[place] = word;
  return key;
}

/** Word of an IPv4 address. */
export function shortWord(key: AddressKey): number {
  return wordAt(key, 0);
}

/** Four chars of a key as a word; those past the end are 0. */
export function wordAt(key: AddressKey, at: number): number {
  return (
    (key.charCodeAt(at) << 24) |
    (key.charCodeAt(at + 1) << 16) |
    (key.charCodeAt(at + 2) << 8) |
    key.charCodeAt(at + 3)
  );
}
