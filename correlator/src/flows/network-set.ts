import type { AddressKey } from "../windows/address-key.js";
import { addressKeyOfText } from "../windows/address-text.js";

/**
 * A set of networks, asked for each address of each batch. They are kept as
 * ranges in order, none within another, so that a question is a binary search
 * over however many sensors' networks. Addresses are four words, IPv4 mapped.
 */
export class NetworkSet {
  /** Ranges that it is kept as. */
  readonly size: number;
  private readonly firsts: Uint32Array;
  private readonly lasts: Uint32Array;

  /**
   * @param networks CIDR blocks already validated, or addresses
   * @param addresses keys of single addresses besides
   */
  constructor(networks: Iterable<string>, addresses: Iterable<AddressKey> = []) {
    const ranges = disjoint([
      ...Array.from(new Set(networks), parseNetwork),
      ...Array.from(addresses, (key) => rangeOf(key, key.length * 8)),
    ]);
    this.size = ranges.length;
    this.firsts = Uint32Array.from(ranges.flatMap(({ first }) => first));
    this.lasts = Uint32Array.from(ranges.flatMap(({ last }) => last));
  }

  /** True when the address in the four words at `offset` is in one of the networks. */
  has(words: ArrayLike<number>, offset: number): boolean {
    let from = 0;
    let to = this.size;
    // The first range that begins behind the address.
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (compare(this.firsts, middle * 4, words, offset) <= 0) from = middle + 1;
      else to = middle;
    }
    return from > 0 && compare(this.lasts, (from - 1) * 4, words, offset) >= 0;
  }
}

interface Range {
  readonly first: number[];
  readonly last: number[];
}

/** In order, without those within another: networks never overlap in part. */
function disjoint(ranges: readonly Range[]): Range[] {
  const kept: Range[] = [];
  const ordered = ranges.toSorted(
    (one, other) => compare(one.first, 0, other.first, 0) || compare(other.last, 0, one.last, 0),
  );
  for (const range of ordered) {
    const before = kept.at(-1);
    if (before === undefined || compare(before.last, 0, range.last, 0) < 0) kept.push(range);
  }
  return kept;
}

function parseNetwork(text: string): Range {
  const [address, length] = text.split("/");
  const key = addressKeyOfText(address);
  if (key === undefined) throw new RangeError(`not a network: ${text}`);
  return rangeOf(key, Number(length ?? key.length * 8));
}

/** @param length of the prefix, in the bits of the key */
function rangeOf(key: AddressKey, length: number): Range {
  const words = [...wordsOfKey(key, new Uint32Array(4))];
  const masks = words.map((_, k) => wordMask(128 - key.length * 8 + length - k * 32));
  return {
    first: words.map((word, k) => (word & masks[k]) >>> 0),
    last: words.map((word, k) => (word | ~masks[k]) >>> 0),
  };
}

function wordMask(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffffffff : 0xffffffff << (32 - bits);
}

/** The four words of the key of an address, written to `words`. */
export function wordsOfKey(key: AddressKey, words: Uint32Array): Uint32Array {
  const isIpv4 = key.length === 4;
  words[0] = isIpv4 ? 0 : wordAt(key, 0);
  words[1] = isIpv4 ? 0 : wordAt(key, 4);
  words[2] = isIpv4 ? 0xffff : wordAt(key, 8);
  words[3] = wordAt(key, key.length - 4);
  return words;
}

function wordAt(key: AddressKey, at: number): number {
  return (
    (key.charCodeAt(at) << 24) |
    (key.charCodeAt(at + 1) << 16) |
    (key.charCodeAt(at + 2) << 8) |
    key.charCodeAt(at + 3)
  );
}

/** Below, at or above zero as the first address of four words is before, at or behind the second. */
function compare(one: ArrayLike<number>, oneAt: number, other: ArrayLike<number>, otherAt: number): number {
  for (let k = 0; k < 4; k++) {
    const difference = one[oneAt + k] - other[otherAt + k];
    if (difference !== 0) return difference;
  }
  return 0;
}
