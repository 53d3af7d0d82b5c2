import { ArpOperation } from "@picket/proto/batch/flow-columns.js";
import { FlowHash } from "./flow-hash.js";

/** Words of an entry's key: operation and sender MAC, its rest, both addresses, target MAC, its rest. */
const keyWords = 6;
/** Entries looked at to find one to give up: bounded work, near enough to the least useful. */
const evictionSample = 8;

/** What was seen of an entry. */
export const ArpMark = { answered: 1, unsolicited: 2, mismatched: 4 } as const;

/**
 * Who asked for, answered about or announced which address: a fixed number of
 * entries and an open-addressing index over them that is at most half full.
 * A key is loaded, then found or inserted. Nothing is allocated after the start.
 */
export class ArpTable {
  /** Live entries. */
  length = 0;
  /** Columns by entry: packets since the last record, and times in microseconds. */
  readonly packets: Float64Array;
  readonly startUs: Float64Array;
  readonly lastUs: Float64Array;
  /** Time of the last record. */
  readonly recordUs: Float64Array;
  /** `ArpMark` since the last record, and ever. */
  readonly marks: Uint8Array;
  readonly marksEver: Uint8Array;
  readonly isReported: Uint8Array;
  /** A record is due and was put off. */
  readonly isOverdue: Uint8Array;
  private readonly keys: Int32Array;
  private readonly hashes: Int32Array;
  /** The loaded key; three more words for the hash, always 0. */
  private readonly key = new Int32Array(9);
  private keyHash = 0;
  /** Entry + 1, or 0. */
  private readonly index: Int32Array;
  private readonly indexMask: number;
  private readonly indexShift: number;
  private readonly free: Int32Array;
  private readonly hasher: FlowHash;
  private hand = 0;

  constructor(
    readonly entriesMax: number,
    seed: number,
  ) {
    const indexBits = Math.max(4, Math.ceil(Math.log2(entriesMax)) + 1);
    this.index = new Int32Array(1 << indexBits);
    this.indexMask = this.index.length - 1;
    this.indexShift = 32 - indexBits;
    this.hasher = new FlowHash(seed ^ 0x2545f491);
    this.keys = new Int32Array(entriesMax * keyWords);
    this.hashes = new Int32Array(entriesMax);
    this.packets = new Float64Array(entriesMax);
    this.startUs = new Float64Array(entriesMax);
    this.lastUs = new Float64Array(entriesMax);
    this.recordUs = new Float64Array(entriesMax);
    this.marks = new Uint8Array(entriesMax);
    this.marksEver = new Uint8Array(entriesMax);
    this.isReported = new Uint8Array(entriesMax);
    this.isOverdue = new Uint8Array(entriesMax);
    this.free = new Int32Array(entriesMax);
    for (let i = 0; i < entriesMax; i++) this.free[i] = entriesMax - 1 - i;
  }

  get isFull(): boolean {
    return this.length === this.entriesMax;
  }

  load(
    operation: number,
    senderMacHigh: number,
    senderMacLow: number,
    senderAddress: number,
    targetAddress: number,
    targetMacHigh: number,
    targetMacLow: number,
  ): void {
    const { key } = this;
    key[0] = (operation << 16) | senderMacHigh;
    key[1] = senderMacLow;
    key[2] = senderAddress;
    key[3] = targetAddress;
    key[4] = targetMacHigh;
    key[5] = targetMacLow;
    this.keyHash = this.hasher.hash(key, operation);
  }

  /** Entry of the loaded key, or -1. */
  find(): number {
    const { index, indexMask, hashes, keyHash } = this;
    for (let i = keyHash >>> this.indexShift; ; i = (i + 1) & indexMask) {
      const entry = index[i] - 1;
      if (entry === -1 || (hashes[entry] === keyHash && this.hasKey(entry))) return entry;
    }
  }

  /** New entry for the key that `find` did not find; the table must not be full. */
  insert(timeUs: number): number {
    const { index, indexMask } = this;
    const entry = this.free[this.entriesMax - ++this.length];
    for (let i = 0; i < keyWords; i++) this.keys[entry * keyWords + i] = this.key[i];
    this.hashes[entry] = this.keyHash;
    this.packets[entry] = 0;
    this.startUs[entry] = timeUs;
    this.lastUs[entry] = timeUs;
    this.recordUs[entry] = timeUs;
    this.marks[entry] = 0;
    this.marksEver[entry] = 0;
    this.isReported[entry] = 0;
    this.isOverdue[entry] = 0;
    let i = this.keyHash >>> this.indexShift;
    while (index[i] !== 0) i = (i + 1) & indexMask;
    index[i] = entry + 1;
    return entry;
  }

  /** Frees an entry; those behind it in the index move up, so that no probe grows long. */
  remove(entry: number): void {
    const { index, indexMask, indexShift, hashes } = this;
    let hole = hashes[entry] >>> indexShift;
    while (index[hole] !== entry + 1) hole = (hole + 1) & indexMask;
    for (let i = (hole + 1) & indexMask; index[i] !== 0; i = (i + 1) & indexMask) {
      const home = hashes[index[i] - 1] >>> indexShift;
      if (((i - home) & indexMask) < ((i - hole) & indexMask)) continue;
      index[hole] = index[i];
      hole = i;
    }
    index[hole] = 0;
    this.free[this.entriesMax - this.length--] = entry;
  }

  /**
   * The entry to give up when the table is full: of a few at the clock hand,
   * requests first, so that a storm of them pushes no binding out, then what
   * has nothing left to tell, then what is silent longest.
   */
  chooseVictim(): number {
    let victim = -1;
    let victimClass = -1;
    for (let i = Math.min(evictionSample, this.entriesMax); i > 0; i--) {
      const entry = this.hand;
      this.hand = entry + 1 === this.entriesMax ? 0 : entry + 1;
      const entryClass = this.evictionClass(entry);
      if (entryClass < victimClass) continue;
      if (entryClass === victimClass && this.lastUs[entry] >= this.lastUs[victim]) continue;
      victim = entry;
      victimClass = entryClass;
    }
    return victim;
  }

  operation(entry: number): number {
    return this.keys[entry * keyWords] >>> 16;
  }

  senderMacHigh(entry: number): number {
    return this.keys[entry * keyWords] & 0xffff;
  }

  senderMacLow(entry: number): number {
    return this.keys[entry * keyWords + 1] >>> 0;
  }

  senderAddress(entry: number): number {
    return this.keys[entry * keyWords + 2] >>> 0;
  }

  targetAddress(entry: number): number {
    return this.keys[entry * keyWords + 3] >>> 0;
  }

  targetMacHigh(entry: number): number {
    return this.keys[entry * keyWords + 4];
  }

  targetMacLow(entry: number): number {
    return this.keys[entry * keyWords + 5] >>> 0;
  }

  private hasKey(entry: number): boolean {
    const { keys, key } = this;
    const at = entry * keyWords;
    return (
      keys[at + 2] === key[2] &&
      keys[at + 3] === key[3] &&
      keys[at + 1] === key[1] &&
      keys[at] === key[0] &&
      keys[at + 5] === key[5] &&
      keys[at + 4] === key[4]
    );
  }

  private evictionClass(entry: number): number {
    const isRequest = this.operation(entry) === ArpOperation.request;
    return (isRequest ? 2 : 0) + (this.packets[entry] === 0 ? 1 : 0);
  }
}
