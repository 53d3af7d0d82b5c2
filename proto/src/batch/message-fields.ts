import { wireType } from "./flow-batch-fields.js";
import type { FlowBatchError } from "./flow-batch-errors.js";
import { WireCursor } from "./wire-cursor.js";

/** First whole number that a column of counters does not hold exactly. */
export const safeEnd = 2 ** 53;

/**
 * The fields of one message as they come: where bytes are, and repeated numbers
 * in the array of their column. Repeated numbers may be packed or not, in any
 * number of pieces; of other fields the last value counts.
 */
export class MessageFields {
  readonly cursor = new WireCursor();
  /** Start and end of the last value of each field of bytes; equal when absent. */
  readonly starts: Uint32Array;
  /** Values so far of each repeated field. */
  readonly counts: Uint32Array;
  private readonly ends: Uint32Array;
  private messageEnd = 0;

  /** `fieldsEnd` is the highest field number plus one. */
  constructor(private readonly fieldsEnd: number) {
    this.starts = new Uint32Array(fieldsEnd);
    this.ends = new Uint32Array(fieldsEnd);
    this.counts = new Uint32Array(fieldsEnd);
  }

  /** Starts over with the message between `start` and `end`. */
  open(bytes: Uint8Array, start: number, end: number): void {
    this.starts.fill(0);
    this.ends.fill(0);
    this.counts.fill(0);
    this.messageEnd = end;
    this.cursor.open(bytes);
    this.cursor.position = start;
    this.cursor.end = end;
  }

  /** True while there are fields to read. */
  get isOpen(): boolean {
    return this.cursor.position < this.messageEnd;
  }

  /** Length of a field of bytes; 0 when absent. */
  bytesOf(number: number): number {
    return this.ends[number] - this.starts[number];
  }

  /** Copies a field of bytes to the start of `to`, which has room for it. */
  copyBytes(number: number, to: Uint8Array): void {
    const { bytes } = this.cursor;
    const start = this.starts[number];
    const length = this.ends[number] - start;
    for (let index = 0; index < length; index++) to[index] = bytes[start + index];
  }

  /** Remembers where the bytes are; those of an unknown field are passed over. */
  readBytes(number: number): undefined {
    const { cursor } = this;
    const end = cursor.bytesEnd();
    if (cursor.error !== undefined) return;
    if (number < this.fieldsEnd) {
      this.starts[number] = cursor.position;
      this.ends[number] = end;
    }
    cursor.position = end;
  }

  /** Positions below `valueEnd` (`error` otherwise), at most as many as `to` holds (`count`). */
  readPositions(
    number: number,
    wire: number,
    to: Uint16Array,
    valueEnd: number,
    error: FlowBatchError,
  ): FlowBatchError | undefined {
    const { cursor } = this;
    const end = this.openValues(wire);
    const { bytes } = cursor;
    let at = cursor.position;
    let count = this.counts[number];
    while (at < end && cursor.error === undefined) {
      if (count === to.length) return "count";
      let value = bytes[at];
      if (value < 0x80) {
        at++;
      } else if (at + 1 < end && bytes[at + 1] < 0x80) {
        value = (value & 0x7f) | (bytes[at + 1] << 7);
        at += 2;
      } else {
        cursor.position = at;
        value = cursor.varint();
        at = cursor.position;
      }
      if (value >= valueEnd) return error;
      to[count++] = value;
      if (wire === wireType.varint) break;
    }
    return this.closeValues(number, wire, end, at, count);
  }

  /** Counters below `safeEnd`. Most take one or two bytes: those are read here, the others by the cursor. */
  readCounters(number: number, wire: number, to: Float64Array): FlowBatchError | undefined {
    const { cursor } = this;
    const end = this.openValues(wire);
    const { bytes } = cursor;
    let at = cursor.position;
    let count = this.counts[number];
    while (at < end && cursor.error === undefined) {
      if (count === to.length) return "count";
      const first = bytes[at];
      if (first < 0x80) {
        to[count++] = first;
        at++;
      } else if (at + 1 < end && bytes[at + 1] < 0x80) {
        to[count++] = (first & 0x7f) | (bytes[at + 1] << 7);
        at += 2;
      } else {
        cursor.position = at;
        const value = cursor.varint();
        if (value >= safeEnd) return "counter-range";
        to[count++] = value;
        at = cursor.position;
      }
      if (wire === wireType.varint) break;
    }
    return this.closeValues(number, wire, end, at, count);
  }

  /** Zigzag deltas. */
  readDeltas(number: number, wire: number, to: Float64Array): FlowBatchError | undefined {
    const { cursor } = this;
    const end = this.openValues(wire);
    let count = this.counts[number];
    while (cursor.position < end && cursor.error === undefined) {
      if (count === to.length) return "count";
      to[count++] = cursor.zigzag();
      if (wire === wireType.varint) break;
    }
    return this.closeValues(number, wire, end, cursor.position, count);
  }

  /** Narrows the cursor to the packed values; one value that is not packed ends where it ends. */
  private openValues(wire: number): number {
    const { cursor } = this;
    if (wire === wireType.varint) return cursor.end;
    const end = cursor.bytesEnd();
    if (cursor.error !== undefined) return 0;
    cursor.end = end;
    return end;
  }

  private closeValues(
    number: number,
    wire: number,
    end: number,
    at: number,
    count: number,
  ): FlowBatchError | undefined {
    const { cursor } = this;
    if (cursor.error !== undefined) return cursor.error;
    if (wire === wireType.bytes && at !== end) return "truncated";
    this.counts[number] = count;
    cursor.position = at;
    cursor.end = this.messageEnd;
    return undefined;
  }
}

/**
 * Deltas in `startUs` become starts and durations in `endUs` ends; false when a
 * time is not above 0 or not below `safeEnd`.
 */
export function addUpTimes(
  startUs: Float64Array,
  endUs: Float64Array,
  length: number,
  baseUs: number,
): boolean {
  let currentUs = baseUs;
  for (let row = 0; row < length; row++) {
    currentUs += startUs[row];
    const rowEndUs = currentUs + endUs[row];
    if (!(currentUs > 0 && rowEndUs < safeEnd)) return false;
    startUs[row] = currentUs;
    endUs[row] = rowEndUs;
  }
  return true;
}
