import {
  closeSync,
  fdatasync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { crc32c } from "./crc32c.js";
import { RecordBits } from "./record-bits.js";
import type { RecordGather } from "./record-gather.js";
import type { SpoolItem } from "./spool.js";
import { endOfRecords, fileHeader, writeWhole } from "./spool-file.js";
import {
  decodeSpoolRecordHeader,
  findSpoolRecord,
  recordHeaderBytes,
  type SpoolRecordHeader,
} from "./spool-record.js";

const fileName = /^(\d{12})-([0-9a-f]{32})\.segment$/;
const syncFile = promisify(fdatasync);

/**
 * One record as read back: whole, with a damaged payload, or a hole in the file.
 * What is resent was acknowledged before.
 */
export type SpoolRead =
  | { readonly kind: "item"; readonly offset: number; readonly item: SpoolItem; readonly isResent: boolean }
  | { readonly kind: "damaged"; readonly header: SpoolRecordHeader; readonly isResent: boolean }
  | { readonly kind: "hole"; readonly afterSequence: number };

/**
 * One file of the spool: items of one epoch in the order they were appended,
 * which of them somebody claimed, and which of those are acknowledged.
 */
export class SpoolSegment {
  /** With what is gathered and not written yet. */
  size: number;
  /** Items appended, or found so far by reading. */
  itemCount = 0;
  /** True when `itemCount` is final: nothing more is appended and all was read. */
  isCounted: boolean;
  isRemoved = false;
  /** When the first item was appended; 0 in an empty file and in one of an earlier run. */
  startedUs = 0;
  /** Items acknowledged and neither applied nor handed out again. */
  acknowledgedCount = 0;
  /** Items nobody needs any more: delivered or damaged. */
  #goneCount = 0;
  #claimedCount = 0;
  readonly #claimed = new RecordBits();
  readonly #acknowledged = new RecordBits();
  /** Acknowledged at any time. */
  readonly #known = new RecordBits();
  #acknowledgedUs = 0;
  /** Of batches appended or read. */
  #highestSequence = 0;
  #floorSequence = 0;
  /** A correlator's watermark says nothing of gaps. */
  #holdsGaps = false;
  #cursorOffset = fileHeader.length;
  /** Holes before it were reported. */
  #reportedOffset = fileHeader.length;
  #lastSequence = 0;
  #isDirty = false;

  private constructor(
    readonly number: number,
    readonly epoch: Uint8Array,
    readonly path: string,
    private readonly file: number,
    size: number,
    isOwn: boolean,
  ) {
    this.size = size;
    this.isCounted = isOwn;
  }

  /** A new file, readable by its owner only. */
  static create(folder: string, number: number, epoch: Uint8Array): SpoolSegment {
    const name = `${String(number).padStart(12, "0")}-${Buffer.from(epoch).toString("hex")}.segment`;
    const path = join(folder, name);
    const file = openSync(path, "wx+", 0o600);
    try {
      writeWhole(file, fileHeader, 0);
    } catch (error) {
      closeSync(file);
      rmSync(path);
      throw error;
    }
    return new SpoolSegment(number, epoch, path, file, fileHeader.length, true);
  }

  /** The files of earlier runs, the oldest first. */
  static reopenAll(folder: string): SpoolSegment[] {
    return readdirSync(folder)
      .sort()
      .map((name) => SpoolSegment.reopen(folder, name))
      .filter((segment) => segment !== undefined);
  }

  /** A file of an earlier run; undefined when the name is not one of ours. */
  static reopen(folder: string, name: string): SpoolSegment | undefined {
    const match = fileName.exec(name);
    if (match === null) return undefined;
    const path = join(folder, name);
    const file = openSync(path, "r+");
    return new SpoolSegment(
      Number(match[1]),
      Buffer.from(match[2], "hex"),
      path,
      file,
      fstatSync(file).size,
      false,
    );
  }

  /** Takes away what a kill in the middle of a write left at the end; a disk that fails is met when reading. */
  cutTornEnd(): void {
    try {
      const bytes = Buffer.allocUnsafe(this.size);
      const end = endOfRecords(bytes.subarray(0, readSync(this.file, bytes, 0, bytes.length, 0)));
      if (end >= this.size) return;
      ftruncateSync(this.file, end);
      this.size = end;
    } catch {
      // It is counted as corrupt then.
    }
  }

  /** Everything was acknowledged or delivered. */
  get isDone(): boolean {
    return this.isCounted && this.#goneCount + this.acknowledgedCount === this.itemCount;
  }

  /** Everything was delivered, or acknowledged and applied. */
  get isApplied(): boolean {
    if (!this.isDone) return false;
    return this.acknowledgedCount === 0 || (!this.#holdsGaps && this.#highestSequence <= this.#floorSequence);
  }

  /** Everything was delivered, or acknowledged before. */
  isExpired(acknowledgedBeforeUs: number): boolean {
    return this.isDone && this.#acknowledgedUs < acknowledgedBeforeUs;
  }

  get hasUnclaimed(): boolean {
    return !this.isCounted || this.#claimedCount < this.itemCount;
  }

  /** Writes an item, with nothing else gathered, and returns its offset; throws as `write` does. */
  append(item: SpoolItem, gathered: RecordGather, nowUs: number): number {
    const offset = this.gather(item, gathered, nowUs);
    try {
      this.write(gathered, 0);
    } finally {
      gathered.clear();
    }
    return offset;
  }

  /** Gathers an item behind what is to be written next and returns its offset in the file. */
  gather(item: SpoolItem, gathered: RecordGather, nowUs: number): number {
    const offset = this.size;
    this.size += gathered.add(item);
    this.#note(item.kind, item.sequence);
    if (this.itemCount === 0) this.startedUs = nowUs;
    this.itemCount++;
    return offset;
  }

  /**
   * Writes all that was gathered; throws the system's error and leaves the file
   * as it was before the first of it, of which `claimedCount` are claimed.
   */
  write(gathered: RecordGather, claimedCount: number): void {
    const { bytes, count } = gathered;
    const start = this.size - bytes.length;
    try {
      writeWhole(this.file, bytes, start);
      this.#isDirty = true;
    } catch (error) {
      this.size = start;
      this.itemCount -= count;
      this.#claimedCount -= claimedCount;
      this.#claimed.clearFrom(start);
      this.#cutTo(start);
      throw error;
    }
  }

  claim(offset: number): void {
    this.#claimed.set(offset);
    this.#claimedCount++;
  }

  /** Gives back a claimed item. */
  release(offset: number): void {
    this.#claimed.clear(offset);
    this.#claimedCount--;
    this.#cursorOffset = Math.min(this.#cursorOffset, offset);
  }

  /** The stream has the claimed item. */
  acknowledge(offset: number, nowUs: number): void {
    this.#acknowledged.set(offset);
    this.#known.set(offset);
    this.acknowledgedCount++;
    this.#acknowledgedUs = nowUs;
  }

  /** An item that was acknowledged before it was written here. */
  markKnown(offset: number): void {
    this.#known.set(offset);
  }

  /** Nobody needs the claimed item any more. */
  deliver(): void {
    this.#goneCount++;
  }

  /** The correlators applied every batch of this epoch up to the sequence. */
  applied(floorSequence: number): void {
    this.#floorSequence = Math.max(this.#floorSequence, floorSequence);
  }

  /** Has what is acknowledged and not applied read again. */
  resend(): void {
    if (this.acknowledgedCount === 0 || this.isApplied) return;
    this.#claimed.clearAllOf(this.#acknowledged);
    this.#acknowledged.clearAll();
    this.#claimedCount -= this.acknowledgedCount;
    this.acknowledgedCount = 0;
    this.#cursorOffset = fileHeader.length;
  }

  /** Reads and claims the next unclaimed item; undefined at the end. What the disk does not give back is a hole. */
  next(): SpoolRead | undefined {
    try {
      return this.#read();
    } catch {
      return this.#skipRest();
    }
  }

  #read(): SpoolRead | undefined {
    while (this.#cursorOffset < this.size) {
      const header = this.#readHeader();
      if (header === undefined) {
        const hole = this.#skipHole();
        if (hole === undefined) continue;
        return hole;
      }
      const offset = this.#cursorOffset;
      this.#moveTo(offset + recordHeaderBytes + header.payloadBytes);
      if (header.sequence > 0) this.#lastSequence = header.sequence;
      this.#note(header.kind, header.sequence);
      if (this.#claimed.has(offset)) continue;
      this.claim(offset);
      if (!this.#isKnownApplied(header, offset)) return this.#readItem(header, offset);
      this.#acknowledged.set(offset);
      this.acknowledgedCount++;
    }
    // All that can be read was claimed, whatever a damaged header hid.
    this.itemCount = this.#claimedCount;
    this.isCounted = true;
    return undefined;
  }

  /** Gives up on what was not read yet. */
  #skipRest(): SpoolRead | undefined {
    if (this.#cursorOffset >= this.size) {
      this.itemCount = this.#claimedCount;
      this.isCounted = true;
      return undefined;
    }
    this.#moveTo(this.size);
    return { kind: "hole", afterSequence: this.#lastSequence };
  }

  async sync(): Promise<void> {
    if (!this.#isDirty || this.isRemoved) return;
    this.#isDirty = false;
    await syncFile(this.file);
  }

  /** Forgets items that nobody needs any more, so that a restart does not send them again. */
  clear(): void {
    ftruncateSync(this.file, fileHeader.length);
    this.size = fileHeader.length;
    this.itemCount = this.acknowledgedCount = this.#goneCount = this.#claimedCount = 0;
    for (const bits of [this.#claimed, this.#acknowledged, this.#known]) bits.clearAll();
    this.#holdsGaps = false;
    this.#cursorOffset = this.#reportedOffset = fileHeader.length;
  }

  close(): void {
    if (this.isRemoved) return;
    this.isRemoved = true;
    closeSync(this.file);
  }

  remove(): void {
    this.close();
    rmSync(this.path, { force: true });
  }

  #readHeader(): SpoolRecordHeader | undefined {
    const bytes = Buffer.allocUnsafe(recordHeaderBytes);
    const length = readSync(this.file, bytes, 0, recordHeaderBytes, this.#cursorOffset);
    const header = decodeSpoolRecordHeader(bytes.subarray(0, length));
    if (header === undefined) return undefined;
    return this.#cursorOffset + recordHeaderBytes + header.payloadBytes > this.size ? undefined : header;
  }

  #isKnownApplied({ kind, sequence }: SpoolRecordHeader, offset: number): boolean {
    return kind === "batch" && sequence <= this.#floorSequence && this.#known.has(offset);
  }

  #readItem(header: SpoolRecordHeader, offset: number): SpoolRead {
    const isResent = this.#known.has(offset);
    const bytes = Buffer.allocUnsafe(header.payloadBytes);
    const length = readSync(this.file, bytes, 0, bytes.length, offset + recordHeaderBytes);
    if (length < bytes.length || crc32c(bytes) !== header.payloadCrc) {
      this.#goneCount++;
      return { kind: "damaged", header, isResent };
    }
    const { kind, sequence, totals } = header;
    const item = { kind, epoch: this.epoch, sequence, bytes, totals };
    return { kind: "item", offset, item, isResent };
  }

  /** Behind a damaged header: goes on at the next whole one; undefined for a hole that was reported. */
  #skipHole(): SpoolRead | undefined {
    const from = this.#cursorOffset;
    const rest = Buffer.allocUnsafe(this.size - from);
    const length = readSync(this.file, rest, 0, rest.length, from);
    const found = findSpoolRecord(rest.subarray(0, length), 1);
    const isNew = from >= this.#reportedOffset;
    this.#moveTo(found < 0 ? this.size : from + found);
    return isNew ? { kind: "hole", afterSequence: this.#lastSequence } : undefined;
  }

  #moveTo(offset: number): void {
    this.#cursorOffset = offset;
    this.#reportedOffset = Math.max(this.#reportedOffset, offset);
  }

  #note(kind: SpoolItem["kind"], sequence: number): void {
    if (kind === "gap") this.#holdsGaps = true;
    else this.#highestSequence = Math.max(this.#highestSequence, sequence);
  }

  #cutTo(size: number): void {
    try {
      ftruncateSync(this.file, size);
    } catch {
      // The next append writes at `size` again, and a torn end is skipped when read.
    }
  }
}
