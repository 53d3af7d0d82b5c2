import { ArpRecordsDecoder } from "./decode-arp-records.js";
import { NoteValues } from "./decode-notes.js";
import { TraitValues } from "./decode-traits.js";
import type { FlowBatchError } from "./flow-batch-errors.js";
import { flowBatchField as field, flowBatchFieldsEnd, wireType } from "./flow-batch-fields.js";
import {
  batchBytesMax,
  batchFingerprintsMax,
  batchNamesMax,
  batchRecordsMax,
  nameBytesMax,
  type FlowColumns,
} from "./flow-columns.js";
import { addUpTimes, MessageFields, safeEnd } from "./message-fields.js";

/** Repeated fields with a value for every record. */
const recordFields = [
  field.source,
  field.destination,
  field.startDeltaUs,
  field.durationUs,
  field.forwardPackets,
  field.reversePackets,
  field.forwardBytes,
  field.reverseBytes,
  field.trait,
] as const;

/**
 * Reads one `picket.v1.FlowBatch` message into `columns`; undefined, or why it
 * was refused, with no records in `columns` then. Never throws, and takes time
 * and memory in proportion to the message. Unknown fields are skipped.
 */
export function decodeFlowBatch(bytes: Uint8Array, columns: FlowColumns): FlowBatchError | undefined {
  return decoder.decode(bytes, columns);
}

/** One message at a time: first every field as it comes, then the checks between fields. */
class FlowBatchDecoder {
  private readonly fields = new MessageFields(flowBatchFieldsEnd);
  private readonly notes = new NoteValues();
  private readonly arp = new ArpRecordsDecoder();
  private readonly traits = new TraitValues();
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
    columns.fingerprintCount = 0;
    columns.nameCount = 0;
    columns.arp.length = 0;
    columns.arp.macCount = 0;
    columns.sequence = 0;
    this.baseTimeUs = 0;
    this.ipv4Count = 0;
  }

  private readFields(bytes: Uint8Array, columns: FlowColumns): FlowBatchError | undefined {
    const { fields } = this;
    const { cursor } = fields;
    fields.open(bytes, 0, bytes.length);
    while (fields.isOpen) {
      const tag = cursor.tag();
      if (cursor.error !== undefined) return cursor.error;
      const error = this.readField(tag, columns) ?? cursor.error;
      if (error !== undefined) return error;
    }
    return undefined;
  }

  private readField(tag: number, columns: FlowColumns): FlowBatchError | undefined {
    const { fields, notes, traits } = this;
    const wire = tag & 7;
    if (wire !== wireType.bytes && wire !== wireType.varint) return this.readScalar(tag, columns);
    const number = Math.floor(tag / 8);
    switch (number) {
      case field.source:
        return fields.readPositions(number, wire, columns.sourceIndex, columns.addressesMax, "address-index");
      case field.destination:
        return fields.readPositions(
          number,
          wire,
          columns.destinationIndex,
          columns.addressesMax,
          "address-index",
        );
      case field.startDeltaUs:
        return fields.readDeltas(number, wire, columns.startUs);
      case field.durationUs:
        return fields.readCounters(number, wire, columns.endUs);
      case field.forwardPackets:
        return fields.readCounters(number, wire, columns.forwardPackets);
      case field.reversePackets:
        return fields.readCounters(number, wire, columns.reversePackets);
      case field.forwardBytes:
        return fields.readCounters(number, wire, columns.forwardBytes);
      case field.reverseBytes:
        return fields.readCounters(number, wire, columns.reverseBytes);
      case field.trait:
        return fields.readPositions(number, wire, traits.ofRecord, batchRecordsMax, "traits");
      case field.fingerprintRecordDelta:
        return fields.readPositions(number, wire, notes.fingerprintDeltas, batchRecordsMax, "fingerprints");
      case field.fingerprint:
        return fields.readPositions(number, wire, notes.fingerprints, batchFingerprintsMax, "fingerprints");
      case field.nameLength:
        return fields.readPositions(number, wire, columns.nameEnds, nameBytesMax + 1, "names");
      case field.nameRecordDelta:
        return fields.readPositions(number, wire, notes.nameDeltas, batchRecordsMax, "names");
      case field.name:
        return fields.readPositions(number, wire, notes.names, batchNamesMax, "names");
      default:
        return wire === wireType.bytes ? fields.readBytes(number) : this.readScalar(tag, columns);
    }
  }

  private readScalar(tag: number, columns: FlowColumns): undefined {
    const { cursor } = this.fields;
    if (tag === ((field.sequence << 3) | wireType.varint)) columns.sequence = cursor.varint();
    else if (tag === ((field.ipv4Count << 3) | wireType.varint)) this.ipv4Count = cursor.varint();
    else if (tag === ((field.baseTimeUs << 3) | wireType.fixed64)) this.baseTimeUs = cursor.fixed64();
    else cursor.skip(tag);
  }

  /** Checks what the fields say together, and completes the columns. */
  private fill(bytes: Uint8Array, columns: FlowColumns): FlowBatchError | undefined {
    const { fields, notes, traits } = this;
    if (!(columns.sequence >= 1 && columns.sequence < safeEnd)) return "sequence";
    if (fields.bytesOf(field.epoch) !== 16) return "epoch";
    fields.copyBytes(field.epoch, columns.epoch);
    const length = fields.counts[field.source];
    if (fields.bytesOf(field.ports) !== length * 4) return "column-length";
    for (const number of recordFields) if (fields.counts[number] !== length) return "column-length";
    this.fillPorts(bytes, columns, length);
    const error =
      this.fillAddresses(bytes, columns) ??
      checkIndices(columns, length) ??
      traits.fill(fields, columns, length) ??
      this.fillTimes(columns, length) ??
      notes.fillFingerprints(fields, columns, length) ??
      notes.fillNames(fields, columns, length) ??
      this.fillArp(bytes, columns);
    columns.length = length;
    return error;
  }

  private fillAddresses(bytes: Uint8Array, columns: FlowColumns): FlowBatchError | undefined {
    const { fields, ipv4Count } = this;
    const ipv6Bytes = fields.bytesOf(field.addresses) - ipv4Count * 4;
    if (ipv6Bytes < 0 || ipv6Bytes % 16 !== 0) return "addresses";
    const count = ipv4Count + ipv6Bytes / 16;
    if (count > columns.addressesMax) return "addresses";
    const { addressWords } = columns;
    let at = fields.starts[field.addresses];
    let word = 0;
    for (let index = 0; index < ipv4Count; index++, word += 4, at += 4) {
      addressWords[word] = 0;
      addressWords[word + 1] = 0;
      addressWords[word + 2] = 0xffff;
      addressWords[word + 3] = wordAt(bytes, at);
    }
    for (; word < count * 4; word++, at += 4) addressWords[word] = wordAt(bytes, at);
    columns.addressCount = count;
    return undefined;
  }

  private fillPorts(bytes: Uint8Array, columns: FlowColumns, length: number): void {
    const { sourcePort, destinationPort } = columns;
    let at = this.fields.starts[field.ports];
    for (let row = 0; row < length; row++, at += 4) {
      sourcePort[row] = bytes[at] | (bytes[at + 1] << 8);
      destinationPort[row] = bytes[at + 2] | (bytes[at + 3] << 8);
    }
  }

  private fillTimes(columns: FlowColumns, length: number): FlowBatchError | undefined {
    if (this.baseTimeUs >= safeEnd) return "time-range";
    return addUpTimes(columns.startUs, columns.endUs, length, this.baseTimeUs) ? undefined : "time-range";
  }

  private fillArp(bytes: Uint8Array, columns: FlowColumns): FlowBatchError | undefined {
    const { fields } = this;
    const length = fields.bytesOf(field.arp);
    if (length === 0) return undefined;
    const start = fields.starts[field.arp];
    return this.arp.decode(bytes, start, start + length, this.baseTimeUs, columns);
  }
}

function checkIndices(columns: FlowColumns, length: number): FlowBatchError | undefined {
  const { sourceIndex, destinationIndex, addressCount } = columns;
  for (let row = 0; row < length; row++)
    if (sourceIndex[row] >= addressCount || destinationIndex[row] >= addressCount) return "address-index";
  return undefined;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

const decoder = new FlowBatchDecoder();
