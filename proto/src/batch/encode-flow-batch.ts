import { flowBatchField as field, wireType } from "./flow-batch-fields.js";
import { batchAddressesMax, isIpv4Words, type FlowColumns } from "./flow-columns.js";
import { varintBytes } from "./varint.js";

/** Position on the wire of each address: IPv4 first, then IPv6. Reused by every call. */
const wirePosition = new Uint16Array(batchAddressesMax);

/**
 * Writes the batch as one `picket.v1.FlowBatch` message into `scratch` and
 * returns the written part of it, valid until `scratch` is used again. The
 * columns must hold what `decodeFlowBatch` accepts. `batchBytesMax` bytes are
 * enough for what a `FlowBatchBuilder` accepted; a RangeError when they are not.
 */
export function encodeFlowBatch(columns: FlowColumns, scratch: Uint8Array): Uint8Array {
  let at = writeHead(columns, scratch);
  at = writeAddresses(columns, scratch, at);
  at = writeIndices(field.source, columns.sourceIndex, columns.length, scratch, at);
  at = writeIndices(field.destination, columns.destinationIndex, columns.length, scratch, at);
  at = writePorts(columns, scratch, at);
  at = writeBytes(field.protocol, columns.protocol, columns.length, scratch, at);
  at = writeState(columns, scratch, at);
  at = writeMarks(columns, scratch, at);
  at = writeFlags(field.forwardTcpFlags, columns.forwardTcpFlags, columns.length, scratch, at);
  at = writeFlags(field.reverseTcpFlags, columns.reverseTcpFlags, columns.length, scratch, at);
  at = writeStartDeltas(columns, scratch, at);
  at = writeDurations(columns, scratch, at);
  at = writeCounters(field.forwardPackets, columns.forwardPackets, columns.length, scratch, at);
  at = writeCounters(field.reversePackets, columns.reversePackets, columns.length, scratch, at);
  at = writeCounters(field.forwardBytes, columns.forwardBytes, columns.length, scratch, at);
  at = writeCounters(field.reverseBytes, columns.reverseBytes, columns.length, scratch, at);
  if (at > scratch.length)
    throw new RangeError(`a flow batch needs ${at} bytes, the scratch has ${scratch.length}`);
  return scratch.subarray(0, at);
}

function writeHead(columns: FlowColumns, to: Uint8Array): number {
  let at = writeBytes(field.epoch, columns.epoch, columns.epoch.length, to, 0);
  at = writeVarint(columns.sequence, to, writeTag(field.sequence, wireType.varint, to, at));
  if (columns.length === 0) return at;
  at = writeTag(field.baseTimeUs, wireType.fixed64, to, at);
  const baseTimeUs = columns.startUs[0];
  at = writeWord(baseTimeUs % 0x1_0000_0000, to, at);
  return writeWord(Math.floor(baseTimeUs / 0x1_0000_0000), to, at);
}

/** The table in two passes, IPv4 then IPv6, noting where each address went. */
function writeAddresses(columns: FlowColumns, to: Uint8Array, start: number): number {
  const { addressWords, addressCount } = columns;
  let ipv4Count = 0;
  for (let index = 0; index < addressCount; index++) if (isIpv4Words(addressWords, index * 4)) ipv4Count++;
  if (addressCount === 0) return start;
  const bytes = ipv4Count * 4 + (addressCount - ipv4Count) * 16;
  let at = writeVarint(bytes, to, writeTag(field.addresses, wireType.bytes, to, start));
  let ipv4Next = 0;
  let ipv6Next = ipv4Count;
  let ipv4At = at;
  let ipv6At = at + ipv4Count * 4;
  for (let index = 0; index < addressCount; index++) {
    const word = index * 4;
    if (isIpv4Words(addressWords, word)) {
      wirePosition[index] = ipv4Next++;
      ipv4At = writeWordBigEndian(addressWords[word + 3], to, ipv4At);
      continue;
    }
    wirePosition[index] = ipv6Next++;
    for (let part = 0; part < 4; part++) ipv6At = writeWordBigEndian(addressWords[word + part], to, ipv6At);
  }
  at += bytes;
  return ipv4Count === 0
    ? at
    : writeVarint(ipv4Count, to, writeTag(field.ipv4Count, wireType.varint, to, at));
}

function writeIndices(
  number: number,
  indices: Uint16Array,
  length: number,
  to: Uint8Array,
  start: number,
): number {
  if (length === 0) return start;
  const lengthAt = writeTag(number, wireType.bytes, to, start);
  let at = lengthAt + varintBytes(length);
  for (let row = 0; row < length; row++) {
    const value = wirePosition[indices[row]];
    if (value < 0x80) {
      to[at++] = value;
    } else {
      to[at++] = (value & 0x7f) | 0x80;
      to[at++] = value >>> 7;
    }
  }
  return closeColumn(lengthAt, length, at, to);
}

function writePorts(columns: FlowColumns, to: Uint8Array, start: number): number {
  const { sourcePort, destinationPort, length } = columns;
  if (length === 0) return start;
  let at = writeVarint(length * 4, to, writeTag(field.ports, wireType.bytes, to, start));
  for (let row = 0; row < length; row++) {
    const source = sourcePort[row];
    const destination = destinationPort[row];
    to[at] = source;
    to[at + 1] = source >>> 8;
    to[at + 2] = destination;
    to[at + 3] = destination >>> 8;
    at += 4;
  }
  return at;
}

function writeState(columns: FlowColumns, to: Uint8Array, start: number): number {
  const { outcome, endReason, recordKind, length } = columns;
  if (length === 0) return start;
  let at = writeVarint(length, to, writeTag(field.state, wireType.bytes, to, start));
  for (let row = 0; row < length; row++)
    to[at++] = outcome[row] | (endReason[row] << 3) | (recordKind[row] << 6);
  return at;
}

/** Left out when no record has a mark. */
function writeMarks(columns: FlowColumns, to: Uint8Array, start: number): number {
  const { oneSided, stealthKind, upgrade, length } = columns;
  let at = writeVarint(length, to, writeTag(field.marks, wireType.bytes, to, start));
  let union = 0;
  for (let row = 0; row < length; row++) {
    const marks = oneSided[row] | (stealthKind[row] << 1) | (upgrade[row] << 4);
    union |= marks;
    to[at++] = marks;
  }
  return union === 0 ? start : at;
}

/** Left out when every record has no flag. */
function writeFlags(
  number: number,
  flags: Uint8Array,
  length: number,
  to: Uint8Array,
  start: number,
): number {
  let union = 0;
  for (let row = 0; row < length; row++) union |= flags[row];
  return union === 0 ? start : writeBytes(number, flags, length, to, start);
}

function writeBytes(
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

function writeStartDeltas(columns: FlowColumns, to: Uint8Array, start: number): number {
  const { startUs, length } = columns;
  if (length === 0) return start;
  const lengthAt = writeTag(field.startDeltaUs, wireType.bytes, to, start);
  let at = lengthAt + varintBytes(length);
  let previousUs = startUs[0];
  for (let row = 0; row < length; row++) {
    const currentUs = startUs[row];
    at = writeZigzag(currentUs - previousUs, to, at);
    previousUs = currentUs;
  }
  return closeColumn(lengthAt, length, at, to);
}

function writeDurations(columns: FlowColumns, to: Uint8Array, start: number): number {
  const { startUs, endUs, length } = columns;
  if (length === 0) return start;
  const lengthAt = writeTag(field.durationUs, wireType.bytes, to, start);
  let at = lengthAt + varintBytes(length);
  for (let row = 0; row < length; row++) at = writeVarint(endUs[row] - startUs[row], to, at);
  return closeColumn(lengthAt, length, at, to);
}

function writeCounters(
  number: number,
  values: Float64Array,
  length: number,
  to: Uint8Array,
  start: number,
): number {
  if (length === 0) return start;
  const lengthAt = writeTag(number, wireType.bytes, to, start);
  let at = lengthAt + varintBytes(length);
  for (let row = 0; row < length; row++) at = writeVarint(values[row], to, at);
  return closeColumn(lengthAt, length, at, to);
}

/**
 * Writes the length of a column of `values` varints that ends at `end`. Room for
 * it was left on the guess of one byte a value, which moves the column if wrong.
 */
function closeColumn(lengthAt: number, values: number, end: number, to: Uint8Array): number {
  const content = lengthAt + varintBytes(values);
  const length = end - content;
  const moved = lengthAt + varintBytes(length);
  if (moved !== content) to.copyWithin(moved, content, end);
  writeVarint(length, to, lengthAt);
  return moved + length;
}

function writeTag(number: number, wire: number, to: Uint8Array, at: number): number {
  return writeVarint((number << 3) | wire, to, at);
}

/** `value` is a whole number from 0 to below 2^53. */
function writeVarint(value: number, to: Uint8Array, at: number): number {
  if (value < 0x80) {
    to[at] = value;
    return at + 1;
  }
  if (value < 0x8000_0000) return writeSmallVarint(value, to, at);
  return writeWideVarint(value % 0x1000_0000, Math.floor(value / 0x1000_0000), to, at);
}

/** `value` is a whole number between -2^53 and 2^53. */
function writeZigzag(value: number, to: Uint8Array, at: number): number {
  const sign = value < 0 ? 1 : 0;
  const magnitude = sign === 1 ? -1 - value : value;
  if (magnitude < 0x4000_0000) return writeSmallVarint(magnitude * 2 + sign, to, at);
  return writeWideVarint((magnitude % 0x800_0000) * 2 + sign, Math.floor(magnitude / 0x800_0000), to, at);
}

/** `value` fits 31 bits. */
function writeSmallVarint(value: number, to: Uint8Array, start: number): number {
  let at = start;
  let rest = value | 0;
  while (rest >= 0x80) {
    to[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  to[at++] = rest;
  return at;
}

/** A varint of 28 low bits and the bits above them, which are not all 0. */
function writeWideVarint(low: number, high: number, to: Uint8Array, at: number): number {
  to[at] = (low & 0x7f) | 0x80;
  to[at + 1] = ((low >>> 7) & 0x7f) | 0x80;
  to[at + 2] = ((low >>> 14) & 0x7f) | 0x80;
  to[at + 3] = ((low >>> 21) & 0x7f) | 0x80;
  return writeSmallVarint(high, to, at + 4);
}

function writeWord(word: number, to: Uint8Array, at: number): number {
  to[at] = word;
  to[at + 1] = word >>> 8;
  to[at + 2] = word >>> 16;
  to[at + 3] = word >>> 24;
  return at + 4;
}

function writeWordBigEndian(word: number, to: Uint8Array, at: number): number {
  to[at] = word >>> 24;
  to[at + 1] = word >>> 16;
  to[at + 2] = word >>> 8;
  to[at + 3] = word;
  return at + 4;
}
