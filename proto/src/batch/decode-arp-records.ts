import { arpRecordsField as field, arpRecordsFieldsEnd, macBytes, wireType } from "./flow-batch-fields.js";
import type { FlowBatchError } from "./flow-batch-errors.js";
import { batchMacsMax, isIpv4Words, type FlowColumns } from "./flow-columns.js";
import { addUpTimes, MessageFields } from "./message-fields.js";

/** Columns of a batch's ARP records; the rest is bytes. */
const countedFields = [
  field.sender,
  field.target,
  field.senderMac,
  field.targetMac,
  field.startDeltaUs,
  field.durationUs,
  field.packets,
] as const;

/** Reads the ARP records of a batch whose addresses are known. */
export class ArpRecordsDecoder {
  private readonly fields = new MessageFields(arpRecordsFieldsEnd);

  /** Fills `columns.arp` from the message between `start` and `end`; its length is 0 after a failure. */
  decode(
    bytes: Uint8Array,
    start: number,
    end: number,
    baseTimeUs: number,
    columns: FlowColumns,
  ): FlowBatchError | undefined {
    const { fields } = this;
    fields.open(bytes, start, end);
    while (fields.isOpen) {
      const tag = fields.cursor.tag();
      if (fields.cursor.error !== undefined) return fields.cursor.error;
      const error = this.readField(tag, columns) ?? fields.cursor.error;
      if (error !== undefined) return error;
    }
    return this.fill(bytes, baseTimeUs, columns);
  }

  private readField(tag: number, { arp }: FlowColumns): FlowBatchError | undefined {
    const { fields } = this;
    const wire = tag & 7;
    const number = Math.floor(tag / 8);
    if (wire !== wireType.bytes && wire !== wireType.varint) return fields.cursor.skip(tag);
    switch (number) {
      case field.sender:
        return fields.readPositions(number, wire, arp.senderIndex, 0x1_0000, "address-index");
      case field.target:
        return fields.readPositions(number, wire, arp.targetIndex, 0x1_0000, "address-index");
      case field.senderMac:
        return fields.readPositions(number, wire, arp.senderMacIndex, batchMacsMax, "arp");
      case field.targetMac:
        return fields.readPositions(number, wire, arp.targetMacIndex, batchMacsMax, "arp");
      case field.startDeltaUs:
        return fields.readDeltas(number, wire, arp.startUs);
      case field.durationUs:
        return fields.readCounters(number, wire, arp.endUs);
      case field.packets:
        return fields.readCounters(number, wire, arp.packets);
      default:
        return wire === wireType.bytes ? fields.readBytes(number) : fields.cursor.skip(tag);
    }
  }

  private fill(bytes: Uint8Array, baseTimeUs: number, columns: FlowColumns): FlowBatchError | undefined {
    const { fields } = this;
    const { arp } = columns;
    const length = fields.counts[field.sender];
    const macsLength = fields.bytesOf(field.macs);
    if (macsLength % macBytes !== 0 || macsLength > arp.macs.length) return "arp";
    if (fields.bytesOf(field.state) !== length) return "column-length";
    for (const number of countedFields) if (fields.counts[number] !== length) return "column-length";
    fields.copyBytes(field.macs, arp.macs);
    arp.macCount = macsLength / macBytes;
    this.fillState(bytes, columns, length);
    if (!addUpTimes(arp.startUs, arp.endUs, length, baseTimeUs)) return "time-range";
    arp.length = length;
    return checkIndices(columns);
  }

  private fillState(bytes: Uint8Array, { arp }: FlowColumns, length: number): void {
    const start = this.fields.starts[field.state];
    for (let row = 0; row < length; row++) {
      const state = bytes[start + row];
      arp.operation[row] = state & 3;
      arp.answered[row] = (state >>> 2) & 1;
      arp.unsolicited[row] = (state >>> 3) & 1;
      arp.mismatched[row] = (state >>> 4) & 1;
    }
  }
}

function checkIndices({ arp, addressWords, addressCount }: FlowColumns): FlowBatchError | undefined {
  const { senderIndex, targetIndex, senderMacIndex, targetMacIndex, macCount } = arp;
  for (let row = 0; row < arp.length; row++) {
    const sender = senderIndex[row];
    const target = targetIndex[row];
    if (sender >= addressCount || target >= addressCount) return "address-index";
    if (!isIpv4Words(addressWords, sender * 4) || !isIpv4Words(addressWords, target * 4)) return "arp";
    if (senderMacIndex[row] >= macCount || targetMacIndex[row] >= macCount) return "arp";
  }
  return undefined;
}
