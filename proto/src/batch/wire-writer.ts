import { varintBytes } from "./varint.js";

/*
 * Every function writes one thing at a position of `to` and returns the position
 * after it. Past the end of `to` nothing is written, and the position tells.
 */

/**
 * Writes the length of a column of `values` varints that ends at `end`. Room for
 * it was left on the guess of one byte a value, which moves the column if wrong.
 */
export function closeColumn(lengthAt: number, values: number, end: number, to: Uint8Array): number {
  const content = lengthAt + varintBytes(values);
  const length = end - content;
  const moved = lengthAt + varintBytes(length);
  if (moved !== content) to.copyWithin(moved, content, end);
  writeVarint(length, to, lengthAt);
  return moved + length;
}

/** The key of a field. */
export function writeTag(number: number, wire: number, to: Uint8Array, at: number): number {
  return writeVarint((number << 3) | wire, to, at);
}

/** A varint; `value` is a whole number from 0 to below 2^53. */
export function writeVarint(value: number, to: Uint8Array, at: number): number {
  if (value < 0x8000_0000) return writeSmallVarint(value | 0, to, at);
  return writeWideVarint(value % 0x1000_0000, Math.floor(value / 0x1000_0000), to, at);
}

/**
 * A varint like `writeVarint`, without a branch on its length, and faster by it
 * where lengths vary; up to three bytes after it are overwritten.
 */
export function writeLooseVarint(value: number, to: Uint8Array, at: number): number {
  return value < 0x1000_0000 ? writeFourBytes(value | 0, to, at) : writeVarint(value, to, at);
}

/**
 * A zigzag varint of a whole number between -2^53 and 2^53; up to three bytes
 * after it are overwritten.
 */
export function writeLooseZigzag(value: number, to: Uint8Array, at: number): number {
  const whole = value | 0;
  if (whole === value && whole < 0x800_0000 && whole >= -0x800_0000)
    return writeFourBytes((whole << 1) ^ (whole >> 31), to, at);
  const sign = value < 0 ? 1 : 0;
  const magnitude = sign === 1 ? -1 - value : value;
  if (magnitude < 0x4000_0000) return writeSmallVarint(magnitude * 2 + sign, to, at);
  return writeWideVarint((magnitude % 0x800_0000) * 2 + sign, Math.floor(magnitude / 0x800_0000), to, at);
}

/** `value` fits 28 bits. 37 / 256 divides the position of its highest bit by 7. */
function writeFourBytes(value: number, to: Uint8Array, at: number): number {
  to[at] = value | 0x80;
  to[at + 1] = (value >>> 7) | 0x80;
  to[at + 2] = (value >>> 14) | 0x80;
  to[at + 3] = value >>> 21;
  const last = at + (((31 - Math.clz32(value | 1)) * 37) >>> 8);
  to[last] &= 0x7f;
  return last + 1;
}

/** `value` fits 31 bits. Storing cuts to eight bits; written out, it is the hot path. */
function writeSmallVarint(value: number, to: Uint8Array, at: number): number {
  if (value < 0x80) {
    to[at] = value;
    return at + 1;
  }
  to[at] = value | 0x80;
  if (value < 0x4000) {
    to[at + 1] = value >>> 7;
    return at + 2;
  }
  to[at + 1] = (value >>> 7) | 0x80;
  if (value < 0x20_0000) {
    to[at + 2] = value >>> 14;
    return at + 3;
  }
  to[at + 2] = (value >>> 14) | 0x80;
  if (value < 0x1000_0000) {
    to[at + 3] = value >>> 21;
    return at + 4;
  }
  to[at + 3] = (value >>> 21) | 0x80;
  to[at + 4] = value >>> 28;
  return at + 5;
}

/** A varint of 28 low bits and the bits above them, which are not all 0. */
function writeWideVarint(low: number, high: number, to: Uint8Array, at: number): number {
  to[at] = (low & 0x7f) | 0x80;
  to[at + 1] = ((low >>> 7) & 0x7f) | 0x80;
  to[at + 2] = ((low >>> 14) & 0x7f) | 0x80;
  to[at + 3] = ((low >>> 21) & 0x7f) | 0x80;
  return writeSmallVarint(high, to, at + 4);
}

/** A 32-bit word, little-endian. */
export function writeWord(word: number, to: Uint8Array, at: number): number {
  to[at] = word;
  to[at + 1] = word >>> 8;
  to[at + 2] = word >>> 16;
  to[at + 3] = word >>> 24;
  return at + 4;
}

/** A 32-bit word, big-endian. */
export function writeWordBigEndian(word: number, to: Uint8Array, at: number): number {
  to[at] = word >>> 24;
  to[at + 1] = word >>> 16;
  to[at + 2] = word >>> 8;
  to[at + 3] = word;
  return at + 4;
}
