import { writeBytes, writePosition } from "./column-writer.js";
import { flowBatchField as field, wireType } from "./flow-batch-fields.js";
import { fingerprintBytes, type FlowColumns } from "./flow-columns.js";
import { closeColumn, writeTag } from "./wire-writer.js";

/** Fingerprints, and which records have which. */
export function writeFingerprints(columns: FlowColumns, to: Uint8Array, start: number): number {
  const { fingerprints, fingerprintCount, fingerprint, length } = columns;
  if (fingerprintCount === 0) return start;
  let at = writeBytes(field.fingerprints, fingerprints, fingerprintCount * fingerprintBytes, to, start);
  at = writeRecordDeltas(field.fingerprintRecordDelta, fingerprint, length, to, at);
  return writeNotes(field.fingerprint, fingerprint, length, to, at);
}

/** Host names, and which records have which. */
export function writeNames(columns: FlowColumns, to: Uint8Array, start: number): number {
  const { nameBytes, nameEnds, nameCount, name, length } = columns;
  if (nameCount === 0) return start;
  let at = writeBytes(field.names, nameBytes, nameEnds[nameCount - 1], to, start);
  at = writeNameLengths(columns, to, at);
  at = writeRecordDeltas(field.nameRecordDelta, name, length, to, at);
  return writeNotes(field.name, name, length, to, at);
}

function writeNameLengths(columns: FlowColumns, to: Uint8Array, start: number): number {
  const { nameEnds, nameCount } = columns;
  const lengthAt = writeTag(field.nameLength, wireType.bytes, to, start);
  let at = lengthAt + 1;
  let previousEnd = 0;
  for (let position = 0; position < nameCount; position++) {
    at = writePosition(nameEnds[position] - previousEnd, to, at);
    previousEnd = nameEnds[position];
  }
  return closeColumn(lengthAt, 0, at, to);
}

/** Distances between the records that have a note (not 0), the first from record 0. */
function writeRecordDeltas(
  number: number,
  notes: Uint16Array,
  length: number,
  to: Uint8Array,
  start: number,
): number {
  const lengthAt = writeTag(number, wireType.bytes, to, start);
  let at = lengthAt + 1;
  let previousRow = 0;
  for (let row = 0; row < length; row++) {
    if (notes[row] === 0) continue;
    at = writePosition(row - previousRow, to, at);
    previousRow = row;
  }
  return at === lengthAt + 1 ? start : closeColumn(lengthAt, 0, at, to);
}

/** Positions of the notes of the records that have one. */
function writeNotes(
  number: number,
  notes: Uint16Array,
  length: number,
  to: Uint8Array,
  start: number,
): number {
  const lengthAt = writeTag(number, wireType.bytes, to, start);
  let at = lengthAt + 1;
  for (let row = 0; row < length; row++) if (notes[row] !== 0) at = writePosition(notes[row] - 1, to, at);
  return at === lengthAt + 1 ? start : closeColumn(lengthAt, 0, at, to);
}
