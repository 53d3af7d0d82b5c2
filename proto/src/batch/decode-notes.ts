import type { FlowBatchError } from "./flow-batch-errors.js";
import { flowBatchField as field } from "./flow-batch-fields.js";
import { batchRecordsMax, fingerprintBytes, probeKindNames, type FlowColumns } from "./flow-columns.js";
import type { MessageFields } from "./message-fields.js";
import { isNameBytes } from "./name-bytes.js";

const probeKindAt = 1;

/** Values of the sparse columns on their way into the records' columns. */
export class NoteValues {
  readonly fingerprintDeltas = new Uint16Array(batchRecordsMax);
  readonly fingerprints = new Uint16Array(batchRecordsMax);
  readonly nameDeltas = new Uint16Array(batchRecordsMax);
  readonly names = new Uint16Array(batchRecordsMax);

  /** Checks and completes the fingerprints of a batch of `length` records. */
  fillFingerprints(fields: MessageFields, columns: FlowColumns, length: number): FlowBatchError | undefined {
    const bytes = fields.bytesOf(field.fingerprints);
    if (bytes % fingerprintBytes !== 0 || bytes > columns.fingerprints.length) return "fingerprints";
    fields.copyBytes(field.fingerprints, columns.fingerprints);
    for (let at = probeKindAt; at < bytes; at += fingerprintBytes)
      if (columns.fingerprints[at] >= probeKindNames.length) return "enum-value";
    columns.fingerprintCount = bytes / fingerprintBytes;
    const { fingerprintRecordDelta, fingerprint } = field;
    const count = fields.counts[fingerprint];
    if (fields.counts[fingerprintRecordDelta] !== count) return "column-length";
    columns.fingerprint.fill(0, 0, length);
    return spread(
      this.fingerprintDeltas,
      this.fingerprints,
      count,
      columns.fingerprint,
      length,
      columns.fingerprintCount,
    )
      ? undefined
      : "fingerprints";
  }

  /** Checks and completes the host names of a batch of `length` records. */
  fillNames(fields: MessageFields, columns: FlowColumns, length: number): FlowBatchError | undefined {
    const bytes = fields.bytesOf(field.names);
    const nameCount = fields.counts[field.nameLength];
    if (bytes > columns.nameBytes.length) return "names";
    fields.copyBytes(field.names, columns.nameBytes);
    if (!addUpNames(columns, nameCount, bytes)) return "names";
    columns.nameCount = nameCount;
    const count = fields.counts[field.name];
    if (fields.counts[field.nameRecordDelta] !== count) return "column-length";
    columns.name.fill(0, 0, length);
    return spread(this.nameDeltas, this.names, count, columns.name, length, nameCount) ? undefined : "names";
  }
}

/** Lengths in `nameEnds` become ends; false when they do not add up to `bytes` or one is no name. */
function addUpNames({ nameEnds, nameBytes }: FlowColumns, nameCount: number, bytes: number): boolean {
  let end = 0;
  for (let position = 0; position < nameCount; position++) {
    const length = nameEnds[position];
    if (length > bytes - end || !isNameBytes(nameBytes, end, length)) return false;
    end += length;
    nameEnds[position] = end;
  }
  return end === bytes;
}

/**
 * Gives the records at the added up deltas their notes (position plus one);
 * false when the records do not increase, or one of them or a note is not there.
 */
function spread(
  deltas: Uint16Array,
  notes: Uint16Array,
  count: number,
  to: Uint16Array,
  length: number,
  noteCount: number,
): boolean {
  let row = 0;
  for (let index = 0; index < count; index++) {
    if (index > 0 && deltas[index] === 0) return false;
    row += deltas[index];
    if (row >= length || notes[index] >= noteCount) return false;
    to[row] = notes[index] + 1;
  }
  return true;
}
