import type { AddressKey } from "../windows/address-key.js";
import { addressKeyOfText } from "../windows/address-text.js";
import { wordAt } from "../windows/packed-address.js";

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
   * @param other what is in it is in this one, too
   */
  constructor(
    networks: readonly string[],
    addresses: ReadonlySet<AddressKey> = new Set(),
    other?: NetworkSet,
  ) {
    const otherWords = (other?.size ?? 0) * 4;
    this.firsts = new Uint32Array((networks.length + addresses.size) * 4 + otherWords);
    this.lasts = new Uint32Array(this.firsts.length);
    let at = 0;
    for (const network of networks) this.write(at++, ...parseNetwork(network));
    for (const address of addresses) this.write(at++, address, address.length * 8);
    this.firsts.set(other?.firsts.subarray(0, otherWords) ?? [], at * 4);
    this.lasts.set(other?.lasts.subarray(0, otherWords) ?? [], at * 4);
    this.size = this.order();
  }

  /** True when the address in the four words at `offset` is in one of the networks. */
  has(words: Uint32Array, offset: number): boolean {
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

  /** `has` of the key of an address. */
  hasKey(key: AddressKey): boolean {
    writeWords(key, scratch, 0);
    return this.has(scratch, 0);
  }

  /** @param bits of the key that are the network's */
  private write(index: number, key: AddressKey, bits: number): void {
    writeWords(key, this.firsts, index * 4);
    for (let k = 0; k < 4; k++) {
      const mask = wordMask(128 - key.length * 8 + bits - k * 32);
      this.lasts[index * 4 + k] = this.firsts[index * 4 + k] | ~mask;
      this.firsts[index * 4 + k] &= mask;
    }
  }

  /** Puts the ranges in order and leaves out those within another: networks never overlap in part. */
  private order(): number {
    const firsts = this.firsts.slice();
    const lasts = this.lasts.slice();
    const order = Uint32Array.from({ length: firsts.length / 4 }, (_, i) => i * 4).sort(
      (one, other) => compare(firsts, one, firsts, other) || compare(lasts, other, lasts, one),
    );
    let end = 0;
    for (const at of order) {
      if (end > 0 && compare(this.lasts, end - 4, lasts, at) >= 0) continue;
      this.firsts.set(firsts.subarray(at, at + 4), end);
      this.lasts.set(lasts.subarray(at, at + 4), end);
      end += 4;
    }
    return end / 4;
  }
}

function parseNetwork(text: string): [AddressKey, number] {
  const [address, bits] = text.split("/");
  const key = addressKeyOfText(address);
  if (key === undefined) throw new RangeError(`not a network: ${text}`);
  return [key, Number(bits ?? key.length * 8)];
}

function wordMask(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffffffff : 0xffffffff << (32 - bits);
}

const scratch = new Uint32Array(4);

/** Writes the four words of an address, IPv4 mapped, at `offset`. */
function writeWords(key: AddressKey, words: Uint32Array, offset: number): void {
  const isIpv4 = key.length === 4;
  words[offset] = isIpv4 ? 0 : wordAt(key, 0);
  words[offset + 1] = isIpv4 ? 0 : wordAt(key, 4);
  words[offset + 2] = isIpv4 ? 0xffff : wordAt(key, 8);
  words[offset + 3] = wordAt(key, key.length - 4);
}

/** Below, at or above zero as the first address of four words is before, at or behind the second. */
function compare(one: Uint32Array, oneAt: number, other: Uint32Array, otherAt: number): number {
  for (let k = 0; k < 4; k++) {
    const difference = one[oneAt + k] - other[otherAt + k];
    if (difference !== 0) return difference;
  }
  return 0;
}
