import type { FlowBatchError } from "./flow-batch-errors.js";
import { flowBatchField as field, traitBytes } from "./flow-batch-fields.js";
import {
  applicationNames,
  batchRecordsMax,
  flowEndReasonNames,
  outcomeNames,
  StealthKind,
  type FlowColumns,
} from "./flow-columns.js";
import type { MessageFields } from "./message-fields.js";

const stealthKindMax = StealthKind.other;

/** The traits of a batch on their way into the records' columns. */
export class TraitValues {
  /** Entry of each record. */
  readonly ofRecord = new Uint16Array(batchRecordsMax);
  /** One column's value of each entry. */
  private readonly values = new Uint8Array(batchRecordsMax);
  private count = 0;

  /** Checks the traits of a batch of `length` records and completes their columns. */
  fill(fields: MessageFields, columns: FlowColumns, length: number): FlowBatchError | undefined {
    const { bytes } = fields.cursor;
    const start = fields.starts[field.traits];
    const count = fields.bytesOf(field.traits) / traitBytes;
    if (!Number.isInteger(count) || count > length || !isBelow(this.ofRecord, length, count)) return "traits";
    if (!hasKnownValues(bytes, start, count)) return "enum-value";
    this.count = count;
    this.spread(columns.protocol, bytes, start, 0, 0xff, length);
    this.spread(columns.outcome, bytes, start + 1, 0, 7, length);
    this.spread(columns.endReason, bytes, start + 1, 3, 7, length);
    this.spread(columns.recordKind, bytes, start + 1, 6, 3, length);
    this.spread(columns.oneSided, bytes, start + 2, 0, 1, length);
    this.spread(columns.stealthKind, bytes, start + 2, 1, 7, length);
    this.spread(columns.upgrade, bytes, start + 2, 4, 1, length);
    this.spread(columns.closedPort, bytes, start + 2, 5, 1, length);
    this.spread(columns.direction, bytes, start + 2, 6, 3, length);
    this.spread(columns.application, bytes, start + 3, 0, 0xff, length);
    this.spread(columns.forwardTcpFlags, bytes, start + 4, 0, 0xff, length);
    this.spread(columns.reverseTcpFlags, bytes, start + 5, 0, 0xff, length);
    return undefined;
  }

  /** Gives every record its entry's bits; a column that is the same everywhere, as many are, at once. */
  private spread(
    to: Uint8Array,
    bytes: Uint8Array,
    start: number,
    shift: number,
    mask: number,
    length: number,
  ): void {
    const { ofRecord, values, count } = this;
    const first = (bytes[start] >>> shift) & mask;
    let differences = 0;
    for (let entry = 0, at = start; entry < count; entry++, at += traitBytes) {
      const value = (bytes[at] >>> shift) & mask;
      values[entry] = value;
      differences |= value ^ first;
    }
    if (differences === 0) to.fill(first, 0, length);
    else for (let row = 0; row < length; row++) to[row] = values[ofRecord[row]];
  }
}

function isBelow(positions: Uint16Array, length: number, end: number): boolean {
  for (let row = 0; row < length; row++) if (positions[row] >= end) return false;
  return true;
}

/** True when every trait has an outcome, end reason, stealth kind and application that exist. */
function hasKnownValues(bytes: Uint8Array, start: number, count: number): boolean {
  for (let at = start; at < start + count * traitBytes; at += traitBytes) {
    const state = bytes[at + 1];
    if ((state & 7) >= outcomeNames.length || ((state >>> 3) & 7) >= flowEndReasonNames.length) return false;
    if (((bytes[at + 2] >>> 1) & 7) > stealthKindMax) return false;
    if (bytes[at + 3] >= applicationNames.length) return false;
  }
  return true;
}
