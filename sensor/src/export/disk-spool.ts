import { mkdirSync } from "node:fs";
import { PicketError } from "@picket/proto/picket-error.js";
import { entryInMemory, placeInFile, type DiskPlace } from "./disk-place.js";
import type { DiskSpoolOptions } from "./disk-spool-options.js";
import { encodeGap } from "./gap-codec.js";
import type { Gap } from "./gap.js";
import { MemorySpool } from "./memory-spool.js";
import { RecordGather } from "./record-gather.js";
import { folderError, isDiskFault, requireRoom } from "./spool-fault.js";
import { SpoolLosses } from "./spool-losses.js";
import { crashGap, SpoolMarker } from "./spool-marker.js";
import { SpoolSegment } from "./spool-segment.js";
import {
  claimedEntry,
  newSpoolCounters,
  noTotals,
  type Spool,
  type SpoolCounters,
  type SpoolEntry,
  type SpoolItem,
} from "./spool.js";

const syncIntervalMs = 500;
const touchIntervalUs = 1_000_000;
const retryIntervalUs = 5_000_000;
const segmentBytesLargest = 4 << 20;
/** A file is closed after this time, so that little waits with what is not applied yet. */
const segmentAgeMaxUs = 30_000_000;
/** With more files they are closed by size alone. */
const youngSegmentsMax = 16;
/** What a file costs on disk however short it is. */
const fileBytesMin = 4096;

/**
 * Items on disk in segments of at most 4 MiB or half a minute, each removed when
 * all of it was applied. A full spool loses a segment of which everything was
 * acknowledged, or else its oldest, after a gap that says what was in it. A disk
 * that takes nothing is replaced by a bounded ring in memory and tried again
 * every 5 s. What is claimed as it is appended is written, all of it together, as
 * the event loop's turn ends: a kill loses no more than one a moment earlier.
 */
export class DiskSpool implements Spool {
  readonly #counters = newSpoolCounters();
  fault: string | undefined;
  readonly #memory: MemorySpool;
  readonly #marker: SpoolMarker;
  readonly #segmentBytesMax: number;
  /** Oldest first; the last one is written to. */
  #segments: SpoolSegment[] = [];
  #active: SpoolSegment | undefined;
  #nextNumber = 1;
  readonly #gathered = new RecordGather();
  /** What is gathered, all of it claimed and for the active segment. */
  #unwritten: { readonly item: SpoolItem; readonly segment: SpoolSegment; readonly place: DiskPlace }[] = [];
  readonly #losses = new SpoolLosses();
  #isOpen = false;
  #retryAtUs = 0;
  #touchedUs = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(private readonly options: DiskSpoolOptions) {
    this.#memory = new MemorySpool(options.memoryBytesMax);
    this.#marker = new SpoolMarker(options.folder);
    this.#segmentBytesMax = Math.min(segmentBytesLargest, Math.floor(options.bytesMax / 8));
  }

  /**
   * Opens the folder, with what an earlier run left undelivered and a gap of
   * reason crash when it was killed. Throws PicketError SPOOL_FAILED when the
   * folder may not be used; a full or read-only disk is a `fault` instead.
   */
  static open(options: DiskSpoolOptions): DiskSpool {
    const spool = new DiskSpool(options);
    try {
      spool.#openFolder();
    } catch (error) {
      if (error instanceof PicketError) throw error;
      if (!isDiskFault(error)) throw folderError(options.folder, error);
      spool.#degrade(error);
    }
    spool.#timer = setInterval(() => void spool.#tick(), syncIntervalMs);
    spool.#timer.unref();
    return spool;
  }

  get counters(): SpoolCounters {
    const counters = this.#counters;
    const losses = this.#losses;
    const memory = this.#memory.counters;
    counters.spoolSegments = this.#segments.length;
    counters.spoolBytes = this.#diskBytes() + memory.spoolBytes;
    counters.spoolMemoryItems = memory.spoolMemoryItems;
    counters.batchesDroppedSpoolFull = losses.batchesDropped + memory.batchesDroppedSpoolFull;
    counters.recordsDroppedSpoolFull = losses.recordsDropped + memory.recordsDroppedSpoolFull;
    counters.spoolRecordsCorrupt = losses.recordsCorrupt;
    counters.acknowledgedDropped = losses.acknowledgedDropped + memory.acknowledgedDropped;
    counters.acknowledgedItems = memory.acknowledgedItems;
    for (const segment of this.#segments) counters.acknowledgedItems += segment.acknowledgedCount;
    return counters;
  }

  appendClaimed(item: SpoolItem): SpoolEntry {
    return this.#gather(item) ?? entryInMemory(this.#memory.appendClaimed(item));
  }

  append(item: SpoolItem): void {
    if (this.#write(item) === undefined) this.#memory.append(item);
  }

  next(): SpoolEntry | undefined {
    this.#writeOut();
    for (;;) {
      const segment = this.#segments.find((candidate) => candidate.hasUnclaimed);
      if (segment === undefined) break;
      const entry = this.#nextOf(segment);
      if (entry !== undefined) return entry;
    }
    const memory = this.#memory.next();
    return memory === undefined ? undefined : entryInMemory(memory);
  }

  acknowledged(entry: SpoolEntry, nowUs: number): void {
    this.#writeOut();
    const { segment, offset, memory } = entry.place as DiskPlace;
    if (memory !== undefined) this.#memory.acknowledged(memory, nowUs);
    else if (segment?.isRemoved === false) {
      segment.acknowledge(offset, nowUs);
      this.#removeApplied(segment);
    }
  }

  applied(epoch: Uint8Array, floorSequence: number): void {
    this.#writeOut();
    this.#memory.applied(epoch, floorSequence);
    for (const segment of this.#segments.filter((other) => Buffer.compare(other.epoch, epoch) === 0)) {
      segment.applied(floorSequence);
      this.#removeApplied(segment);
    }
  }

  expire(acknowledgedBeforeUs: number): void {
    this.#writeOut();
    this.#memory.expire(acknowledgedBeforeUs);
    for (const segment of this.#segments.filter((other) => other.isExpired(acknowledgedBeforeUs))) {
      if (segment !== this.#active) this.#remove(segment);
      else if (segment.itemCount > 0) this.#clear(segment);
    }
  }

  resend(): void {
    this.#writeOut();
    this.#memory.resend();
    for (const segment of this.#segments) segment.resend();
  }

  delivered(entry: SpoolEntry): void {
    this.#writeOut();
    const { segment, memory } = entry.place as DiskPlace;
    if (memory !== undefined) this.#memory.delivered(memory);
    else if (segment?.isRemoved === false) {
      segment.deliver();
      this.#removeApplied(segment);
    }
  }

  release(entry: SpoolEntry): void {
    this.#writeOut();
    const { segment, offset, memory } = entry.place as DiskPlace;
    if (memory !== undefined) this.#memory.release(memory);
    else if (segment?.isRemoved === false) segment.release(offset);
    // Its file was dropped while it was claimed, and counted without it.
    else if (entry.isResent) this.#losses.acknowledgedDropped++;
    else if (entry.kind === "gap" || Buffer.compare(entry.epoch, this.options.epoch) === 0)
      this.append(entry);
    else this.#losses.dropBatch(entry.epoch, entry.sequence, entry.totals);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#writeOut();
    this.fault = undefined;
    this.#appendLosses();
    this.#memory.resend();
    this.#draentryInMemory();
    for (const segment of this.#segments) {
      await this.#syncSegment(segment);
      if (segment.isApplied) segment.remove();
      else segment.close();
    }
    this.#segments = [];
    if (this.#memory.isEmpty) this.#marker.release();
  }

  #openFolder(): void {
    const { folder, epoch } = this.options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const unclean = this.#marker.take(epoch);
    this.#isOpen = true;
    this.#segments.push(...SpoolSegment.reopenAll(folder));
    this.#nextNumber = (this.#segments.at(-1)?.number ?? 0) + 1;
    if (unclean === undefined) return;
    this.#segments.at(-1)?.cutTornEnd();
    this.#appendGap(crashGap(unclean, this.options.nowUs()));
  }

  #appendGap(gap: Gap): void {
    this.append({ kind: "gap", epoch: gap.epoch, sequence: 0, bytes: encodeGap(gap), totals: noTotals });
  }

  /** Claims an item that is written with the others of this turn; undefined while the disk takes nothing. */
  #gather(item: SpoolItem): SpoolEntry | undefined {
    if (!this.#gathered.hasRoom(item)) this.#writeOut();
    if (this.fault !== undefined) return undefined;
    try {
      const segment = this.#segmentFor(item.bytes.length);
      const offset = segment.gather(item, this.#gathered, this.options.nowUs());
      segment.claim(offset);
      const place = placeInFile(segment, offset);
      if (this.#unwritten.push({ item, segment, place }) === 1) queueMicrotask(() => this.#writeOut());
      return claimedEntry(item, place, false);
    } catch (error) {
      this.#degrade(error);
      return undefined;
    }
  }

  /** What is gathered, to the disk or else to memory. */
  #writeOut(): void {
    const unwritten = this.#unwritten;
    if (unwritten.length === 0) return;
    this.#unwritten = [];
    try {
      unwritten[0].segment.write(this.#gathered, unwritten.length);
      this.#counters.batchesSpooled += unwritten.length;
    } catch (error) {
      for (const { item, place } of unwritten) place.memory = this.#memory.appendClaimed(item);
      this.#degrade(error);
    }
    this.#gathered.clear();
  }

  /** Where the item now is, or undefined when the disk does not take it. */
  #write(item: SpoolItem): { segment: SpoolSegment; offset: number } | undefined {
    this.#writeOut();
    if (this.fault !== undefined) return undefined;
    try {
      const segment = this.#segmentFor(item.bytes.length);
      const offset = segment.append(item, this.#gathered, this.options.nowUs());
      if (item.kind === "batch") this.#counters.batchesSpooled++;
      return { segment, offset };
    } catch (error) {
      this.#degrade(error);
      return undefined;
    }
  }

  #segmentFor(payloadBytes: number): SpoolSegment {
    const active = this.#active;
    if (active !== undefined && this.#takes(active, payloadBytes)) return active;
    this.#writeOut();
    void this.#syncSegment(active);
    this.#active = undefined;
    if (active !== undefined) this.#removeApplied(active);
    while (this.#segments.length > 0 && this.#diskBytes() + this.#segmentBytesMax > this.options.bytesMax) {
      this.#drop(this.#segments.find((segment) => segment.isDone) ?? this.#segments[0]);
    }
    const segment = SpoolSegment.create(this.options.folder, this.#nextNumber++, this.options.epoch);
    this.#segments.push(segment);
    this.#active = segment;
    this.#appendLosses();
    return segment;
  }

  #takes(segment: SpoolSegment, payloadBytes: number): boolean {
    if (segment.size + payloadBytes > this.#segmentBytesMax) return false;
    const isOld = segment.itemCount > 0 && this.options.nowUs() - segment.startedUs > segmentAgeMaxUs;
    return !isOld || this.#segments.length >= youngSegmentsMax;
  }

  /** The spool is full: what was delivered goes silently, the rest is counted as lost. */
  #drop(segment: SpoolSegment): void {
    this.#losses.acknowledgedDropped += segment.acknowledgedCount;
    for (let read = segment.next(); read !== undefined; read = segment.next()) {
      this.#losses.dropRead(segment.epoch, read);
    }
    this.#remove(segment);
  }

  #appendLosses(): void {
    for (const gap of this.#losses.take()) this.#appendGap(gap);
  }

  #nextOf(segment: SpoolSegment): SpoolEntry | undefined {
    for (let read = segment.next(); read !== undefined; read = segment.next()) {
      if (read.kind === "item") {
        return claimedEntry(read.item, placeInFile(segment, read.offset), read.isResent);
      }
      this.#losses.keepCorrupt(segment.epoch, read);
      this.#appendLosses();
    }
    this.#removeApplied(segment);
    return undefined;
  }

  #removeApplied(segment: SpoolSegment): void {
    if (segment.isApplied && segment !== this.#active) this.#remove(segment);
  }

  #remove(segment: SpoolSegment): void {
    if (segment === this.#active) this.#active = undefined;
    this.#segments = this.#segments.filter((other) => other !== segment);
    try {
      segment.remove();
    } catch (error) {
      this.#degrade(error);
    }
  }

  async #tick(): Promise<void> {
    // Before the sign of life, from which a crash would count.
    this.#writeOut();
    const nowUs = this.options.nowUs();
    if (nowUs - this.#touchedUs >= touchIntervalUs) this.#touch(nowUs);
    if (this.fault !== undefined && nowUs >= this.#retryAtUs) this.#retry();
    const active = this.#active;
    if (active?.isApplied === true && active.itemCount > 0) this.#clear(active);
    await this.#syncSegment(active);
  }

  /** Also finds out that the folder is gone or the disk full, which small writes to open files do not. */
  #touch(nowUs: number): void {
    this.#touchedUs = nowUs;
    if (this.fault !== undefined) return;
    try {
      this.#marker.touch(nowUs);
      requireRoom(this.options.folder);
    } catch (error) {
      this.#degrade(error);
    }
  }

  /** Uses the disk again, as far as it lets itself be used. */
  #retry(): void {
    try {
      if (!this.#isOpen) this.#openFolder();
      mkdirSync(this.options.folder, { recursive: true, mode: 0o700 });
      requireRoom(this.options.folder);
      this.#marker.renew(this.options.epoch, this.options.nowUs());
    } catch (error) {
      return this.#degrade(error);
    }
    this.fault = undefined;
    this.#draentryInMemory();
  }

  #clear(segment: SpoolSegment): void {
    try {
      segment.clear();
    } catch (error) {
      this.#degrade(error);
    }
  }

  /** Moves what waits in memory to the disk, as far as the disk takes it. */
  #draentryInMemory(): void {
    if (!this.#isOpen) return;
    for (let entry = this.#memory.next(); entry !== undefined; entry = this.#memory.next()) {
      const place = this.#write(entry);
      if (place === undefined) {
        this.#memory.release(entry);
        break;
      }
      if (entry.isResent) place.segment.markKnown(place.offset);
      this.#memory.delivered(entry);
    }
  }

  async #syncSegment(segment: SpoolSegment | undefined): Promise<void> {
    try {
      await segment?.sync();
    } catch (error) {
      // A file that was removed meanwhile needs no sync.
      if (segment?.isRemoved !== true) this.#degrade(error);
    }
  }

  #degrade(error: unknown): void {
    this.#counters.spoolWriteErrors++;
    this.fault = `spool ${this.options.folder}: ${error instanceof Error ? error.message : String(error)}`;
    this.#retryAtUs = this.options.nowUs() + retryIntervalUs;
    // What is written next goes to a file of its own: the folder of this one may be gone.
    const active = this.#active;
    this.#active = undefined;
    if (active?.isApplied === true) this.#remove(active);
  }

  #diskBytes(): number {
    return this.#segments.reduce((bytes, segment) => bytes + Math.max(segment.size, fileBytesMin), 0);
  }
}
