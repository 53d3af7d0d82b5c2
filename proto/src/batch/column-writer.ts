import { varintBytes } from "./varint.js";
import { wireType } from "./flow-batch-fields.js";
import { closeColumn, writeTag, writeLooseVarint, writeLooseZigzag, writeVarint } from "./wire-writer.js";

/*
 * One field of a message each, from a column of `length` values; nothing when
 * there are none. They return the position after it.
 */

/** Bytes as they are. */
export function writeBytes(
  number: number,
  bytes: Uint8Array,
  length: number,
  to: Uint8Array,
  start: number,
): number {
  if (length === 0) return start;
  const at = writeVarint(length, to, writeTag(number, wireType.bytes, to, start));
  for (let row = 0; row < length; row++) to[at + row] = bytes[row];
  return at + length;
}

/** Small numbers, packed. */
export function writePositions(
  number: number,
  positions: Uint16Array,
  length: number,
  to: Uint8Array,
  start: number,
): number {
  if (length === 0) return start;
  const lengthAt = writeTag(number, wireType.bytes, to, start);
  let at = lengthAt + varintBytes(length);
  for (let row = 0; row < length; row++) at = writePosition(positions[row], to, at);
  return closeColumn(lengthAt, length, at, to);
}

/** Where each of the small numbers leads in `map`, packed. */
export function writeMapped(
  number: number,
  indices: Uint16Array,
  map: Uint16Array,
  length: number,
  to: Uint8Array,
  start: number,
): number {
  if (length === 0) return start;
  const lengthAt = writeTag(number, wireType.bytes, to, start);
  let at = lengthAt + varintBytes(length);
  for (let row = 0; row < length; row++) at = writePosition(map[indices[row]], to, at);
  return closeColumn(lengthAt, length, at, to);
}

/** A varint of at most two bytes: `value` is below 2^14. */
export function writePosition(value: number, to: Uint8Array, at: number): number {
  if (value < 0x80) {
    to[at] = value;
    return at + 1;
  }
  to[at] = (value & 0x7f) | 0x80;
  to[at + 1] = value >>> 7;
  return at + 2;
}

/** Packed zigzag deltas, the first from `baseUs`. */
export function writeStartDeltas(
  number: number,
  startUs: Float64Array,
  baseUs: number,
  length: number,
  to: Uint8Array,
  start: number,
): number {
  if (length === 0) return start;
  const lengthAt = writeTag(number, wireType.bytes, to, start);
  let at = lengthAt + varintBytes(length);
  let previousUs = baseUs;
  for (let row = 0; row < length; row++) {
    const currentUs = startUs[row];
    at = writeLooseZigzag(currentUs - previousUs, to, at);
    previousUs = currentUs;
  }
  return closeColumn(lengthAt, length, at, to);
}

/** Packed differences between end and start. */
export function writeDurations(
  number: number,
  startUs: Float64Array,
  endUs: Float64Array,
  length: number,
  to: Uint8Array,
  start: number,
): number {
  if (length === 0) return start;
  const lengthAt = writeTag(number, wireType.bytes, to, start);
  let at = lengthAt + varintBytes(length);
  for (let row = 0; row < length; row++) at = writeLooseVarint(endUs[row] - startUs[row], to, at);
  return closeColumn(lengthAt, length, at, to);
}

/** Whole numbers below 2^53, packed. */
export function writeCounters(
  number: number,
  values: Float64Array,
  length: number,
  to: Uint8Array,
  start: number,
): number {
  if (length === 0) return start;
  const lengthAt = writeTag(number, wireType.bytes, to, start);
  let at = lengthAt + varintBytes(length);
  for (let row = 0; row < length; row++) at = writeLooseVarint(values[row], to, at);
  return closeColumn(lengthAt, length, at, to);
}
