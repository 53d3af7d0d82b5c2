import {
  writeBytes,
  writeCounters,
  writeDurations,
  writeMapped,
  writePositions,
  writeStartDeltas,
} from "./column-writer.js";
import { arpRecordsField as field, flowBatchField, macBytes, wireType } from "./flow-batch-fields.js";
import type { ArpColumns } from "./flow-columns.js";
import { varintBytes } from "./varint.js";
import { closeColumn, writeTag, writeVarint } from "./wire-writer.js";

/** A record has nine columns of a byte or more, but its MACs may be another's. */
const recordBytesMin = 8;

/**
 * The ARP records as a message inside the batch, left out when there are none.
 * `wirePosition` maps addresses to their position on the wire.
 */
export function writeArpRecords(
  arp: ArpColumns,
  wirePosition: Uint16Array,
  baseTimeUs: number,
  to: Uint8Array,
  start: number,
): number {
  const { length } = arp;
  if (length === 0) return start;
  const lengthAt = writeTag(flowBatchField.arp, wireType.bytes, to, start);
  let at = lengthAt + varintBytes(length * recordBytesMin);
  at = writeBytes(field.macs, arp.macs, arp.macCount * macBytes, to, at);
  at = writeMapped(field.sender, arp.senderIndex, wirePosition, length, to, at);
  at = writeMapped(field.target, arp.targetIndex, wirePosition, length, to, at);
  at = writePositions(field.senderMac, arp.senderMacIndex, length, to, at);
  at = writePositions(field.targetMac, arp.targetMacIndex, length, to, at);
  at = writeState(arp, to, at);
  at = writeStartDeltas(field.startDeltaUs, arp.startUs, baseTimeUs, length, to, at);
  at = writeDurations(field.durationUs, arp.startUs, arp.endUs, length, to, at);
  at = writeCounters(field.packets, arp.packets, length, to, at);
  return closeColumn(lengthAt, length * recordBytesMin, at, to);
}

function writeState(arp: ArpColumns, to: Uint8Array, start: number): number {
  const { operation, answered, unsolicited, mismatched, length } = arp;
  let at = writeVarint(length, to, writeTag(field.state, wireType.bytes, to, start));
  for (let row = 0; row < length; row++)
    to[at++] = operation[row] | (answered[row] << 2) | (unsolicited[row] << 3) | (mismatched[row] << 4);
  return at;
}
