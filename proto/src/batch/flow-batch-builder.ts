import { AddressIndex } from "./address-index.js";
import { ByteTable } from "./byte-table.js";
import {
  batchAddressesMax,
  batchArpRecordsMax,
  batchBytesMax,
  batchFingerprintsMax,
  batchMacsMax,
  batchRecordsMax,
  fingerprintBytes,
  FlowColumns,
  isIpv4Words,
  nameBytesMax,
} from "./flow-columns.js";
import { isNameBytes } from "./name-bytes.js";
import { varintBytes, varintBytesMax, zigzag } from "./varint.js";

/** Tags, lengths, epoch, sequence and base time of a batch, rounded up. */
const headBytesMax = 256;
/** Columns of fixed width, three indices of at most two bytes, and traits of its own. */
const recordBytesFixed = 4 + 3 * 2 + 6;
/** The fixed part, a start delta, a duration and four counters. */
const recordBytesMax = recordBytesFixed + 6 * varintBytesMax;
/** Which record has a note, and which one: two bytes each. */
const noteBytes = 4;
/** A fingerprint and a host name, both new. */
const notesBytesMax = noteBytes + fingerprintBytes + noteBytes + nameBytesMax + 2;
/** Four indices of at most two bytes, and the state. */
const arpRecordBytesFixed = 4 * 2 + 1;
/** The fixed part, a start delta, a duration and a counter. */
const arpRecordBytesMax = arpRecordBytesFixed + 3 * varintBytesMax;
const ipv4Bytes = 4;
const addressBytesMax = 16;
const macBytes = 6;

/** Settings of a builder. */
export interface FlowBatchBuilderOptions {
  /** Seed of the hashes, a whole number below 2^53; random where strangers choose addresses. */
  readonly seed?: number;
}

/**
 * Fills the columns of one flow batch row by row. What it accepts encodes to at
 * most `batchBytesMax`; nothing is allocated per record.
 */
export class FlowBatchBuilder {
  readonly columns: FlowColumns;
  private readonly addresses: AddressIndex;
  private readonly fingerprints: ByteTable;
  private readonly names: ByteTable;
  private readonly macs: ByteTable;
  private readonly mac = new Uint8Array(macBytes);
  /** Upper bound of the encoded bytes of the tables and of the settled rows. */
  private bytes = headBytesMax;
  private settledRows = 0;
  private settledArpRows = 0;

  /** `recordsMax` from 1 to `batchRecordsMax`. */
  constructor(recordsMax: number = batchRecordsMax, options: FlowBatchBuilderOptions = {}) {
    const seed = options.seed ?? 0;
    const columns = new FlowColumns(recordsMax, Math.min(batchAddressesMax, recordsMax * 2));
    this.columns = columns;
    this.addresses = new AddressIndex(columns.addressWords, seed);
    this.fingerprints = new ByteTable(columns.fingerprints, new Uint16Array(batchFingerprintsMax), seed);
    this.names = new ByteTable(columns.nameBytes, columns.nameEnds, seed);
    this.macs = new ByteTable(columns.arp.macs, new Uint16Array(batchMacsMax), seed);
  }

  /** Flow records so far. */
  get length(): number {
    return this.columns.length;
  }

  /**
   * Row index for a new record from the address s to the address d (four words
   * each, as in `FlowColumns`), or -1 when the batch has no room left. The
   * caller fills every other column of the row before it appends the next; what
   * only some flows have (closed port, direction, application, fingerprint,
   * name) starts at 0.
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
    this.settleLastRows();
    if (this.bytes + recordBytesMax + notesBytesMax + 2 * addressBytesMax > batchBytesMax) return -1;
    columns.sourceIndex[row] = this.addressPosition(s0, s1, s2, s3);
    columns.destinationIndex[row] = this.addressPosition(d0, d1, d2, d3);
    columns.closedPort[row] = 0;
    columns.direction[row] = 0;
    columns.application[row] = 0;
    columns.fingerprint[row] = 0;
    columns.name[row] = 0;
    columns.length = row + 1;
    return row;
  }

  /**
   * Gives the row appended last the fingerprint in the `fingerprintBytes` bytes
   * at `offset`; once a row. False, and the row stays without, when the batch
   * has no room for one more.
   */
  setFingerprint(row: number, bytes: Uint8Array, offset: number): boolean {
    const { columns, fingerprints } = this;
    const position = fingerprints.findOrAdd(bytes, offset, fingerprintBytes);
    if (position === -1) return false;
    if (position === columns.fingerprintCount) this.bytes += fingerprintBytes;
    this.bytes += noteBytes;
    columns.fingerprintCount = fingerprints.count;
    columns.fingerprint[row] = position + 1;
    return true;
  }

  /**
   * Gives the row appended last the host name in `length` bytes at `offset`;
   * once a row. False, and the row stays without, when the batch has no room
   * for one more or the bytes are no name (`isNameBytes`).
   */
  setName(row: number, bytes: Uint8Array, offset: number, length: number): boolean {
    if (!isNameBytes(bytes, offset, length)) return false;
    const { columns, names } = this;
    const position = names.findOrAdd(bytes, offset, length);
    if (position === -1) return false;
    if (position === columns.nameCount) this.bytes += length + varintBytes(length);
    this.bytes += noteBytes;
    columns.nameCount = names.count;
    columns.name[row] = position + 1;
    return true;
  }

  /**
   * Row index in `columns.arp` for a new ARP record between two IPv4 addresses
   * and two MACs (the high 16 bits and the low 32 of each), or -1 when the
   * batch has no room left. The caller fills every other column of the row
   * before it appends the next record of any kind.
   */
  appendArp(
    senderAddress: number,
    targetAddress: number,
    senderMacHigh: number,
    senderMacLow: number,
    targetMacHigh: number,
    targetMacLow: number,
  ): number {
    const { columns } = this;
    const { arp } = columns;
    const row = arp.length;
    if (row === batchArpRecordsMax || arp.macCount + 2 > batchMacsMax) return -1;
    if (columns.addressCount + 2 > columns.addressesMax) return -1;
    this.settleLastRows();
    if (this.bytes + arpRecordBytesMax + 2 * (ipv4Bytes + macBytes) > batchBytesMax) return -1;
    arp.senderIndex[row] = this.addressPosition(0, 0, 0xffff, senderAddress);
    arp.targetIndex[row] = this.addressPosition(0, 0, 0xffff, targetAddress);
    arp.senderMacIndex[row] = this.macPosition(senderMacHigh, senderMacLow);
    arp.targetMacIndex[row] = this.macPosition(targetMacHigh, targetMacLow);
    arp.length = row + 1;
    return row;
  }

  /** Empties the batch; epoch and sequence stay as they are. */
  reset(): void {
    const { columns } = this;
    columns.length = 0;
    columns.addressCount = 0;
    columns.fingerprintCount = 0;
    columns.nameCount = 0;
    columns.arp.length = 0;
    columns.arp.macCount = 0;
    this.addresses.clear();
    this.fingerprints.clear();
    this.names.clear();
    this.macs.clear();
    this.bytes = headBytesMax;
    this.settledRows = 0;
    this.settledArpRows = 0;
  }

  /** The rows appended last are filled by now: their real size replaces the worst case. */
  private settleLastRows(): void {
    const { columns } = this;
    if (this.settledRows !== columns.length) this.settleFlow(columns.length - 1);
    if (this.settledArpRows !== columns.arp.length) this.settleArp(columns.arp.length - 1);
  }

  private settleFlow(row: number): void {
    const { columns } = this;
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
    this.settledRows = row + 1;
  }

  /** The first record is told from the flows' base time, which may not be known yet: the worst case. */
  private settleArp(row: number): void {
    const { startUs, endUs, packets } = this.columns.arp;
    this.bytes +=
      arpRecordBytesFixed +
      (row === 0 ? varintBytesMax : varintBytes(zigzag(startUs[row] - startUs[row - 1]))) +
      varintBytes(endUs[row] - startUs[row]) +
      varintBytes(packets[row]);
    this.settledArpRows = row + 1;
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

  private macPosition(high: number, low: number): number {
    const { mac, macs } = this;
    const { arp } = this.columns;
    mac[0] = high >>> 8;
    mac[1] = high;
    mac[2] = low >>> 24;
    mac[3] = low >>> 16;
    mac[4] = low >>> 8;
    mac[5] = low;
    const position = macs.findOrAdd(mac, 0, macBytes);
    if (position === arp.macCount) this.bytes += macBytes;
    arp.macCount = macs.count;
    return position;
  }
}
