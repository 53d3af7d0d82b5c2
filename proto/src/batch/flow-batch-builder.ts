import { AddressIndex } from "./address-index.js";
import {
  batchAddressesMax,
  batchBytesMax,
  batchRecordsMax,
  FlowColumns,
  isIpv4Words,
} from "./flow-columns.js";
import { varintBytes, varintBytesMax, zigzag } from "./varint.js";

/** Tags, lengths, epoch, sequence and base time of a batch, rounded up. */
const headBytesMax = 256;
/** Columns of fixed width, and two indices of at most two bytes. */
const recordBytesFixed = 2 + 2 + 4 + 1 + 1 + 1 + 2;
/** The fixed part, a start delta, a duration and four counters. */
const recordBytesMax = recordBytesFixed + 6 * varintBytesMax;
const ipv4Bytes = 4;
const addressBytesMax = 16;

/** Settings of a builder. */
export interface FlowBatchBuilderOptions {
  /** Seed of the address hash, a whole number below 2^53; random where strangers choose addresses. */
  readonly seed?: number;
}

/**
 * Fills the columns of one flow batch row by row. What it accepts encodes to at
 * most `batchBytesMax`; nothing is allocated per record.
 */
export class FlowBatchBuilder {
  readonly columns: FlowColumns;
  private readonly addresses: AddressIndex;
  /** Upper bound of the encoded bytes of the addresses and of the first `settledRows` rows. */
  private bytes = headBytesMax;
  private settledRows = 0;

  /** `recordsMax` from 1 to `batchRecordsMax`. */
  constructor(recordsMax: number = batchRecordsMax, options: FlowBatchBuilderOptions = {}) {
    this.columns = new FlowColumns(recordsMax, Math.min(batchAddressesMax, recordsMax * 2));
    this.addresses = new AddressIndex(this.columns.addressWords, options.seed ?? 0);
  }

  /** Records so far. */
  get length(): number {
    return this.columns.length;
  }

  /**
   * Row index for a new record from the address s to the address d (four words
   * each, as in `FlowColumns`), or -1 when the batch has no room left. The
   * caller fills every other column of the row before it appends the next.
   */
  append(
    s0: number,
    s1: number,
    s2: number,
    s3: number,
    d0: number,
    d1: number,
    d2: number,
    d3: number,
  ): number {
    const { columns } = this;
    const row = columns.length;
    if (row === columns.recordsMax || columns.addressCount + 2 > columns.addressesMax) return -1;
    this.settleLastRow();
    if (this.bytes + recordBytesMax + 2 * addressBytesMax > batchBytesMax) return -1;
    columns.sourceIndex[row] = this.addressPosition(s0, s1, s2, s3);
    columns.destinationIndex[row] = this.addressPosition(d0, d1, d2, d3);
    columns.length = row + 1;
    return row;
  }

  /** Empties the batch; epoch and sequence stay as they are. */
  reset(): void {
    this.columns.length = 0;
    this.columns.addressCount = 0;
    this.addresses.clear();
    this.bytes = headBytesMax;
    this.settledRows = 0;
  }

  /** The row appended last is filled by now: its real size replaces the worst case. */
  private settleLastRow(): void {
    const { columns } = this;
    if (this.settledRows === columns.length) return;
    const row = columns.length - 1;
    const startUs = columns.startUs[row];
    const previousUs = row === 0 ? startUs : columns.startUs[row - 1];
    this.bytes +=
      recordBytesFixed +
      varintBytes(zigzag(startUs - previousUs)) +
      varintBytes(columns.endUs[row] - startUs) +
      varintBytes(columns.forwardPackets[row]) +
      varintBytes(columns.reversePackets[row]) +
      varintBytes(columns.forwardBytes[row]) +
      varintBytes(columns.reverseBytes[row]);
    this.settledRows = columns.length;
  }

  private addressPosition(w0: number, w1: number, w2: number, w3: number): number {
    const { columns } = this;
    const position = this.addresses.findOrAdd(w0, w1, w2, w3, columns.addressCount);
    if (position === columns.addressCount) {
      columns.addressCount++;
      this.bytes += isIpv4Words(columns.addressWords, position * 4) ? ipv4Bytes : addressBytesMax;
    }
    return position;
  }
}
