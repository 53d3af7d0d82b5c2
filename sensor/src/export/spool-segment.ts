import {
  closeSync,
  fstatSync,
  fsync,
  ftruncateSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { crc32c } from "./crc32c.js";
import type { SpoolItem } from "./spool.js";
import {
  decodeSpoolRecordHeader,
  encodeSpoolRecord,
  findSpoolRecord,
  recordHeaderBytes,
  type SpoolRecordHeader,
} from "./spool-record.js";

const fileHeader = Buffer.from("PKSPOOL1");
const fileName = /^(\d{12})-([0-9a-f]{32})\.segment$/;
const fsyncFile = promisify(fsync);

/** One record as read back: whole, with a damaged payload, or a hole in the file. */
export type SpoolRead =
  | { readonly kind: "item"; readonly offset: number; readonly item: SpoolItem }
  | { readonly kind: "damaged"; readonly header: SpoolRecordHeader }
  | { readonly kind: "hole"; readonly atEnd: boolean; readonly afterSequence: number };

/**
 * One file of the spool: items of one epoch in the order they were appended,
 * and which of them somebody claimed.
 */
export class SpoolSegment {
  size: number;
  /** Items appended, or found so far by reading. */
  itemCount = 0;
  /** True when `itemCount` is final: nothing more is appended and all was read. */
  isCounted: boolean;
  isRemoved = false;
  deliveredCount = 0;
  #claimedCount = 0;
  /** One bit for each 64 bytes of the file: records are longer than that. */
  #claimed = new Uint8Array(1024);
  #cursorOffset = fileHeader.length;
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
      unlinkSync(path);
      throw error;
    }
    return new SpoolSegment(number, epoch, path, file, fileHeader.length, true);
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

  /** Everything was delivered. */
  get isDone(): boolean {
    return this.isCounted && this.deliveredCount === this.itemCount;
  }

  get hasUnclaimed(): boolean {
    return !this.isCounted || this.#claimedCount < this.itemCount;
  }

  /** Writes an item and returns its offset; throws the system's error and leaves the file as it was. */
  append(item: SpoolItem): number {
    const record = encodeSpoolRecord(item);
    const offset = this.size;
    try {
      writeWhole(this.file, record, offset);
    } catch (error) {
      this.#cutTo(offset);
      throw error;
    }
    this.size += record.length;
    this.itemCount++;
    this.#isDirty = true;
    return offset;
  }

  claim(offset: number): void {
    const bit = offset >>> 6;
    if (bit >>> 3 >= this.#claimed.length) this.#growClaimed((bit >>> 3) + 1);
    this.#claimed[bit >>> 3] |= 1 << (bit & 7);
    this.#claimedCount++;
  }

  /** Gives back a claimed item. */
  release(offset: number): void {
    const bit = offset >>> 6;
    this.#claimed[bit >>> 3] &= ~(1 << (bit & 7));
    this.#claimedCount--;
    this.#cursorOffset = Math.min(this.#cursorOffset, offset);
  }

  /** Reads and claims the next unclaimed item; undefined at the end. Throws when the disk does. */
  read(): SpoolRead | undefined {
    while (this.#cursorOffset < this.size) {
      const header = this.#readHeader();
      if (header === undefined) return this.#skipHole();
      const offset = this.#cursorOffset;
      this.#cursorOffset += recordHeaderBytes + header.payloadBytes;
      if (header.sequence > 0) this.#lastSequence = header.sequence;
      if (this.#isClaimed(offset)) continue;
      this.claim(offset);
      return this.#readItem(header, offset);
    }
    // All that can be read was claimed, whatever a damaged header hid.
    this.itemCount = this.#claimedCount;
    this.isCounted = true;
    return undefined;
  }

  /** Gives up on what was not read yet, when the disk does not give it back. */
  skipRest(): SpoolRead | undefined {
    if (this.#cursorOffset >= this.size) {
      this.itemCount = this.#claimedCount;
      this.isCounted = true;
      return undefined;
    }
    this.#cursorOffset = this.size;
    return { kind: "hole", atEnd: false, afterSequence: this.#lastSequence };
  }

  async sync(): Promise<void> {
    if (!this.#isDirty || this.isRemoved) return;
    this.#isDirty = false;
    await fsyncFile(this.file);
  }

  /** Forgets items that were all delivered, so that a restart does not send them again. */
  clear(): void {
    ftruncateSync(this.file, fileHeader.length);
    this.size = fileHeader.length;
    this.itemCount = 0;
    this.deliveredCount = 0;
    this.#claimedCount = 0;
    this.#claimed.fill(0);
    this.#cursorOffset = fileHeader.length;
  }

  close(): void {
    if (this.isRemoved) return;
    this.isRemoved = true;
    closeSync(this.file);
  }

  remove(): void {
    this.close();
    unlinkSync(this.path);
  }

  #readHeader(): SpoolRecordHeader | undefined {
    const bytes = Buffer.allocUnsafe(recordHeaderBytes);
    const length = readSync(this.file, bytes, 0, recordHeaderBytes, this.#cursorOffset);
    const header = decodeSpoolRecordHeader(bytes.subarray(0, length));
    if (header === undefined) return undefined;
    return this.#cursorOffset + recordHeaderBytes + header.payloadBytes > this.size ? undefined : header;
  }

  #isClaimed(offset: number): boolean {
    const bit = offset >>> 6;
    return (((this.#claimed[bit >>> 3] ?? 0) >>> (bit & 7)) & 1) === 1;
  }

  #readItem(header: SpoolRecordHeader, offset: number): SpoolRead {
    const bytes = Buffer.allocUnsafe(header.payloadBytes);
    const length = readSync(this.file, bytes, 0, bytes.length, offset + recordHeaderBytes);
    if (length < bytes.length || crc32c(bytes) !== header.payloadCrc) {
      this.deliveredCount++;
      return { kind: "damaged", header };
    }
    const { kind, sequence, totals } = header;
    return { kind: "item", offset, item: { kind, epoch: this.epoch, sequence, bytes, totals } };
  }

  /** Behind a damaged header: goes on at the next whole one. */
  #skipHole(): SpoolRead {
    const rest = Buffer.allocUnsafe(this.size - this.#cursorOffset);
    const length = readSync(this.file, rest, 0, rest.length, this.#cursorOffset);
    const found = findSpoolRecord(rest.subarray(0, length), 1);
    this.#cursorOffset = found < 0 ? this.size : this.#cursorOffset + found;
    return { kind: "hole", atEnd: found < 0, afterSequence: this.#lastSequence };
  }

  #growClaimed(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.#claimed.length * 2));
    grown.set(this.#claimed);
    this.#claimed = grown;
  }

  #cutTo(size: number): void {
    try {
      ftruncateSync(this.file, size);
    } catch {
      // The next append writes at `size` again, and a torn end is skipped when read.
    }
  }
}

function writeWhole(file: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}
