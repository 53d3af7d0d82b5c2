import {
  writeBytes,
  writeCounters,
  writeDurations,
  writeMapped,
  writePositions,
  writeStartDeltas,
} from "./column-writer.js";
import { writeArpRecords } from "./encode-arp-records.js";
import { writeFingerprints, writeNames } from "./encode-notes.js";
import { flowBatchField as field, traitBytes, wireType } from "./flow-batch-fields.js";
import { batchAddressesMax, batchRecordsMax, isIpv4Words, type FlowColumns } from "./flow-columns.js";
import { TraitTable } from "./trait-table.js";
import { writeTag, writeVarint, writeWord, writeWordBigEndian } from "./wire-writer.js";

/** Position on the wire of each address: IPv4 first, then IPv6. Reused by every call. */
const wirePosition = new Uint16Array(batchAddressesMax);
const traits = new TraitTable();

/**
 * Writes the batch as one `picket.v1.FlowBatch` message into `scratch` and
 * returns the written part of it, valid until `scratch` is used again. The
 * columns must hold what `decodeFlowBatch` accepts. `batchBytesMax` bytes are
 * enough for what a `FlowBatchBuilder` accepted; a RangeError when they are not.
 */
export function encodeFlowBatch(columns: FlowColumns, scratch: Uint8Array): Uint8Array {
  if (columns.length > batchRecordsMax)
    throw new RangeError(`a flow batch holds at most ${batchRecordsMax} records, not ${columns.length}`);
  let at = writeHead(columns, scratch);
  at = writeAddresses(columns, scratch, at);
  at = writeMapped(field.source, columns.sourceIndex, wirePosition, columns.length, scratch, at);
  at = writeMapped(field.destination, columns.destinationIndex, wirePosition, columns.length, scratch, at);
  at = writePorts(columns, scratch, at);
  at = writeTimes(columns, scratch, at);
  at = writeCounters(field.forwardPackets, columns.forwardPackets, columns.length, scratch, at);
  at = writeCounters(field.reversePackets, columns.reversePackets, columns.length, scratch, at);
  at = writeCounters(field.forwardBytes, columns.forwardBytes, columns.length, scratch, at);
  at = writeCounters(field.reverseBytes, columns.reverseBytes, columns.length, scratch, at);
  at = writeTraits(columns, scratch, at);
  at = writeFingerprints(columns, scratch, at);
  at = writeNames(columns, scratch, at);
  at = writeArpRecords(columns.arp, wirePosition, baseTimeUsOf(columns), scratch, at);
  if (at > scratch.length)
    throw new RangeError(`a flow batch needs ${at} bytes, the scratch has ${scratch.length}`);
  return scratch.subarray(0, at);
}

/** Start of the first record: a flow, or an ARP record without one; 0 in a batch of neither. */
function baseTimeUsOf({ length, startUs, arp }: FlowColumns): number {
  if (length !== 0) return startUs[0];
  return arp.length === 0 ? 0 : arp.startUs[0];
}

function writeHead(columns: FlowColumns, to: Uint8Array): number {
  let at = writeBytes(field.epoch, columns.epoch, columns.epoch.length, to, 0);
  at = writeVarint(columns.sequence, to, writeTag(field.sequence, wireType.varint, to, at));
  const baseTimeUs = baseTimeUsOf(columns);
  if (baseTimeUs === 0) return at;
  at = writeTag(field.baseTimeUs, wireType.fixed64, to, at);
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

function writeTimes(columns: FlowColumns, to: Uint8Array, start: number): number {
  const { startUs, endUs, length } = columns;
  const at = writeStartDeltas(field.startDeltaUs, startUs, startUs[0], length, to, start);
  return writeDurations(field.durationUs, startUs, endUs, length, to, at);
}

function writeTraits(columns: FlowColumns, to: Uint8Array, start: number): number {
  if (columns.length === 0) return start;
  traits.gather(columns);
  const bytes = traits.count * traitBytes;
  let at = writeVarint(bytes, to, writeTag(field.traits, wireType.bytes, to, start));
  at = traits.write(to, at);
  return writePositions(field.trait, traits.ofRecord, columns.length, to, at);
}
