import { flowBatchField as field, flowBatchFieldsEnd, wireType } from "./flow-batch-fields.js";
import { batchBytesMax, type FlowColumns } from "./flow-columns.js";
import { WireCursor } from "./wire-cursor.js";

/** Why a flow batch was refused: a closed list, so that it can be counted by reason. */
export const flowBatchErrors = [
  "too-large",
  "truncated",
  "varint",
  "wire-type",
  "epoch",
  "sequence",
  "count",
  "column-length",
  "addresses",
  "address-index",
  "enum-value",
  "time-range",
  "counter-range",
] as const;
export type FlowBatchError = (typeof flowBatchErrors)[number];

const safeEnd = 2 ** 53;
const outcomeMax = 5;
const endReasonMax = 5;
const stealthKindMax = 6;

/**
 * Reads one `picket.v1.FlowBatch` message into `columns`; undefined, or why it
 * was refused, with `columns.length` then 0. Never throws, and takes time and
 * memory in proportion to the message. Unknown fields and unknown bits of the
 * marks are skipped.
 */
export function decodeFlowBatch(bytes: Uint8Array, columns: FlowColumns): FlowBatchError | undefined {
  return decoder.decode(bytes, columns);
}

/** One message at a time: first every field as it comes, then the checks between fields. */
class FlowBatchDecoder {
  private readonly cursor = new WireCursor();
  /** Start and end of the last value of each field of bytes; equal when absent. */
  private readonly starts = new Uint32Array(flowBatchFieldsEnd);
  private readonly ends = new Uint32Array(flowBatchFieldsEnd);
  /** Values so far of each repeated field. */
  private readonly counts = new Uint32Array(flowBatchFieldsEnd);
  private baseTimeUs = 0;
  private ipv4Count = 0;

  decode(bytes: Uint8Array, columns: FlowColumns): FlowBatchError | undefined {
    this.clear(columns);
    if (bytes.length > batchBytesMax) return "too-large";
    const error = this.readFields(bytes, columns) ?? this.fill(bytes, columns);
    if (error !== undefined) this.clear(columns);
    return error;
  }

  private clear(columns: FlowColumns): void {
    columns.length = 0;
    columns.addressCount = 0;
    columns.sequence = 0;
    this.starts.fill(0);
    this.ends.fill(0);
    this.counts.fill(0);
    this.baseTimeUs = 0;
    this.ipv4Count = 0;
  }

  private readFields(bytes: Uint8Array, columns: FlowColumns): FlowBatchError | undefined {
    const { cursor } = this;
    cursor.open(bytes);
    while (cursor.position < bytes.length) {
      const tag = cursor.tag();
      if (cursor.error !== undefined) return cursor.error;
      const error = this.readField(tag, columns);
      if (error !== undefined) return error;
      if (cursor.error !== undefined) return cursor.error;
    }
    return undefined;
  }

  private readField(tag: number, columns: FlowColumns): FlowBatchError | undefined {
    const { cursor } = this;
    const wire = tag & 7;
    if (wire === wireType.bytes || wire === wireType.varint) {
      const number = Math.floor(tag / 8);
      switch (number) {
        case field.source:
          return this.readIndices(number, wire, columns.sourceIndex, columns);
        case field.destination:
          return this.readIndices(number, wire, columns.destinationIndex, columns);
        case field.startDeltaUs:
          return this.readDeltas(wire, columns);
        case field.durationUs:
          return this.readCounters(number, wire, columns.endUs);
        case field.forwardPackets:
          return this.readCounters(number, wire, columns.forwardPackets);
        case field.reversePackets:
          return this.readCounters(number, wire, columns.reversePackets);
        case field.forwardBytes:
          return this.readCounters(number, wire, columns.forwardBytes);
        case field.reverseBytes:
          return this.readCounters(number, wire, columns.reverseBytes);
        default:
          if (wire === wireType.bytes) return this.readBytes(number);
      }
    }
    if (tag === ((field.sequence << 3) | wireType.varint)) columns.sequence = cursor.varint();
    else if (tag === ((field.ipv4Count << 3) | wireType.varint)) this.ipv4Count = cursor.varint();
    else if (tag === ((field.baseTimeUs << 3) | wireType.fixed64)) this.baseTimeUs = cursor.fixed64();
    else cursor.skip(tag);
    return undefined;
  }

  /** Remembers where the bytes are; the last value of a field counts. */
  private readBytes(number: number): undefined {
    const { cursor } = this;
    const end = cursor.bytesEnd();
    if (cursor.error !== undefined) return;
    if (number < flowBatchFieldsEnd) {
      this.starts[number] = cursor.position;
      this.ends[number] = end;
    }
    cursor.position = end;
  }

  private readIndices(
    number: number,
    wire: number,
    to: Uint16Array,
    columns: FlowColumns,
  ): FlowBatchError | undefined {
    const { cursor } = this;
    const end = this.openValues(wire);
    let count = this.counts[number];
    while (cursor.position < end && cursor.error === undefined) {
      if (count === to.length) return "count";
      const value = cursor.varint();
      if (value >= columns.addressesMax) return "address-index";
      to[count++] = value;
      if (wire === wireType.varint) break;
    }
    this.counts[number] = count;
    return this.closeValues(wire, end);
  }

  /** Most values take one or two bytes: those are read here, the others by the cursor. */
  private readCounters(number: number, wire: number, to: Float64Array): FlowBatchError | undefined {
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
    if (end !== 0) cursor.position = at;
    this.counts[number] = count;
    return this.closeValues(wire, end);
  }

  private readDeltas(wire: number, columns: FlowColumns): FlowBatchError | undefined {
    const { cursor } = this;
    const end = this.openValues(wire);
    let count = this.counts[field.startDeltaUs];
    while (cursor.position < end && cursor.error === undefined) {
      if (count === columns.recordsMax) return "count";
      columns.startUs[count++] = cursor.zigzag();
      if (wire === wireType.varint) break;
    }
    this.counts[field.startDeltaUs] = count;
    return this.closeValues(wire, end);
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

  private closeValues(wire: number, end: number): FlowBatchError | undefined {
    const { cursor } = this;
    if (cursor.error !== undefined) return cursor.error;
    if (wire === wireType.bytes && cursor.position !== end) return "truncated";
    cursor.end = cursor.bytes.length;
    return undefined;
  }

  /** Checks what the fields say together, and completes the columns. */
  private fill(bytes: Uint8Array, columns: FlowColumns): FlowBatchError | undefined {
    if (!(columns.sequence >= 1 && columns.sequence < safeEnd)) return "sequence";
    if (this.bytesOf(field.epoch) !== 16) return "epoch";
    this.copyBytes(bytes, field.epoch, columns.epoch);
    const length = this.bytesOf(field.protocol);
    if (length > columns.recordsMax) return "count";
    if (!this.hasEqualLengths(length)) return "column-length";
    return (
      this.fillAddresses(bytes, columns) ??
      checkIndices(columns, length) ??
      this.fillBytes(bytes, columns, length) ??
      this.fillTimes(columns, length)
    );
  }

  private hasEqualLengths(length: number): boolean {
    for (let number: number = field.source; number < flowBatchFieldsEnd; number++) {
      const found = isRepeated(number) ? this.counts[number] : this.bytesOf(number);
      const expected = number === field.ports ? length * 4 : length;
      if (found !== expected && !(found === 0 && isOptional(number))) return false;
    }
    return true;
  }

  private fillAddresses(bytes: Uint8Array, columns: FlowColumns): FlowBatchError | undefined {
    const ipv6Bytes = this.bytesOf(field.addresses) - this.ipv4Count * 4;
    if (ipv6Bytes < 0 || ipv6Bytes % 16 !== 0) return "addresses";
    const count = this.ipv4Count + ipv6Bytes / 16;
    if (count > columns.addressesMax) return "addresses";
    const { addressWords } = columns;
    let at = this.starts[field.addresses];
    let word = 0;
    for (let index = 0; index < this.ipv4Count; index++, word += 4, at += 4) {
      addressWords[word] = 0;
      addressWords[word + 1] = 0;
      addressWords[word + 2] = 0xffff;
      addressWords[word + 3] = wordAt(bytes, at);
    }
    for (; word < count * 4; word++, at += 4) addressWords[word] = wordAt(bytes, at);
    columns.addressCount = count;
    return undefined;
  }

  private fillBytes(bytes: Uint8Array, columns: FlowColumns, length: number): FlowBatchError | undefined {
    this.copyBytes(bytes, field.protocol, columns.protocol);
    this.copyOptional(bytes, field.forwardTcpFlags, columns.forwardTcpFlags, length);
    this.copyOptional(bytes, field.reverseTcpFlags, columns.reverseTcpFlags, length);
    this.fillPorts(bytes, columns, length);
    this.fillMarks(bytes, columns, length);
    return this.fillState(bytes, columns, length) ?? checkStealthKinds(columns, length);
  }

  private fillPorts(bytes: Uint8Array, columns: FlowColumns, length: number): void {
    const { sourcePort, destinationPort } = columns;
    let at = this.starts[field.ports];
    for (let row = 0; row < length; row++, at += 4) {
      sourcePort[row] = bytes[at] | (bytes[at + 1] << 8);
      destinationPort[row] = bytes[at + 2] | (bytes[at + 3] << 8);
    }
  }

  private fillState(bytes: Uint8Array, columns: FlowColumns, length: number): FlowBatchError | undefined {
    const start = this.starts[field.state];
    for (let row = 0; row < length; row++) {
      const state = bytes[start + row];
      const outcome = state & 7;
      const endReason = (state >>> 3) & 7;
      if (outcome > outcomeMax || endReason > endReasonMax) return "enum-value";
      columns.outcome[row] = outcome;
      columns.endReason[row] = endReason;
      columns.recordKind[row] = state >>> 6;
    }
    columns.length = length;
    return undefined;
  }

  private fillMarks(bytes: Uint8Array, columns: FlowColumns, length: number): void {
    const start = this.starts[field.marks];
    const present = this.bytesOf(field.marks) !== 0;
    for (let row = 0; row < length; row++) {
      const marks = present ? bytes[start + row] : 0;
      columns.oneSided[row] = marks & 1;
      columns.stealthKind[row] = (marks >>> 1) & 7;
      columns.upgrade[row] = (marks >>> 4) & 1;
    }
  }

  /** Deltas become starts, durations become ends. */
  private fillTimes(columns: FlowColumns, length: number): FlowBatchError | undefined {
    const { startUs, endUs } = columns;
    let currentUs = this.baseTimeUs;
    if (currentUs >= safeEnd) return "time-range";
    for (let row = 0; row < length; row++) {
      currentUs += startUs[row];
      const rowEndUs = currentUs + endUs[row];
      if (!(currentUs > 0 && rowEndUs < safeEnd)) return "time-range";
      startUs[row] = currentUs;
      endUs[row] = rowEndUs;
    }
    return undefined;
  }

  private bytesOf(number: number): number {
    return this.ends[number] - this.starts[number];
  }

  private copyBytes(bytes: Uint8Array, number: number, to: Uint8Array): void {
    const start = this.starts[number];
    const length = this.ends[number] - start;
    for (let index = 0; index < length; index++) to[index] = bytes[start + index];
  }

  private copyOptional(bytes: Uint8Array, number: number, to: Uint8Array, length: number): void {
    if (this.bytesOf(number) === 0) to.fill(0, 0, length);
    else this.copyBytes(bytes, number, to);
  }
}

function isRepeated(number: number): boolean {
  return number <= field.destination || number >= field.startDeltaUs;
}

/** Columns left out when all their values are 0. */
function isOptional(number: number): boolean {
  return number >= field.marks && number <= field.reverseTcpFlags;
}

function checkIndices(columns: FlowColumns, length: number): FlowBatchError | undefined {
  const { sourceIndex, destinationIndex, addressCount } = columns;
  for (let row = 0; row < length; row++)
    if (sourceIndex[row] >= addressCount || destinationIndex[row] >= addressCount) return "address-index";
  return undefined;
}

function checkStealthKinds(columns: FlowColumns, length: number): FlowBatchError | undefined {
  for (let row = 0; row < length; row++) if (columns.stealthKind[row] > stealthKindMax) return "enum-value";
  return undefined;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

const decoder = new FlowBatchDecoder();
