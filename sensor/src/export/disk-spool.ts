import { mkdirSync, readdirSync } from "node:fs";
import { PicketError } from "@picket/proto/picket-error.js";
import { encodeGap } from "./gap-codec.js";
import type { Gap } from "./gap.js";
import { MemorySpool } from "./memory-spool.js";
import { SpoolLosses } from "./spool-losses.js";
import { SpoolMarker, type UncleanRun } from "./spool-marker.js";
import { SpoolSegment, type SpoolRead } from "./spool-segment.js";
import { newSpoolCounters, noTotals, type Spool, type SpoolEntry, type SpoolItem } from "./spool.js";

export interface DiskSpoolOptions {
  /** A folder of this sensor alone; made when missing, for its owner only. */
  readonly folder: string;
  /** Most bytes on disk; at least 1 MiB. */
  readonly bytesMax: number;
  /** Most bytes in memory while the disk takes nothing. */
  readonly memoryBytesMax: number;
  /** 16 bytes, of this process start. */
  readonly epoch: Uint8Array;
  readonly nowUs: () => number;
}

type DiskPlace =
  | { readonly segment: SpoolSegment; readonly offset: number }
  | { readonly memory: SpoolEntry };

const syncIntervalMs = 500;
const touchIntervalUs = 2_000_000;
const retryIntervalUs = 5_000_000;
const segmentBytesLargest = 4 << 20;
/** What a file costs on disk however short it is. */
const fileBytesMin = 4096;

/**
 * Items on disk in segments of at most 4 MiB. A full spool loses its oldest
 * segment, after a gap that says what was in it. A disk that takes nothing is
 * replaced by a bounded ring in memory and tried again every 5 s.
 */
export class DiskSpool implements Spool {
  readonly counters = newSpoolCounters();
  fault: string | undefined;
  readonly #memory: MemorySpool;
  readonly #marker: SpoolMarker;
  readonly #segmentBytesMax: number;
  /** Oldest first; the last one is written to. */
  #segments: SpoolSegment[] = [];
  #active: SpoolSegment | undefined;
  #nextNumber = 1;
  readonly #losses = new SpoolLosses();
  #isOpen = false;
  /** The last file of a run that was killed may end in a torn record. */
  #tornSegment: SpoolSegment | undefined;
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

  appendClaimed(item: SpoolItem): SpoolEntry {
    const place = this.#write(item);
    if (place !== undefined) {
      place.segment.claim(place.offset);
      return { ...item, place };
    }
    const memory = this.#memory.appendClaimed(item);
    this.#count();
    return { ...memory, place: { memory } };
  }

  append(item: SpoolItem): void {
    if (this.#write(item) === undefined) this.#memory.append(item);
    this.#count();
  }

  next(): SpoolEntry | undefined {
    for (;;) {
      const segment = this.#segments.find((candidate) => candidate.hasUnclaimed);
      if (segment === undefined) break;
      const entry = this.#nextOf(segment);
      if (entry !== undefined) return entry;
    }
    const memory = this.#memory.next();
    return memory === undefined ? undefined : { ...memory, place: { memory } };
  }

  delivered(entry: SpoolEntry): void {
    const place = entry.place as DiskPlace;
    if ("memory" in place) this.#memory.delivered(place.memory);
    else if (!place.segment.isRemoved) this.#deliveredOf(place.segment);
    this.#count();
  }

  release(entry: SpoolEntry): void {
    const place = entry.place as DiskPlace;
    if ("memory" in place) this.#memory.release(place.memory);
    else if (!place.segment.isRemoved) place.segment.release(place.offset);
    // Its file was dropped while it was claimed, and counted without it.
    else if (entry.kind === "gap" || sameEpoch(entry.epoch, this.options.epoch)) this.append(entry);
    else this.#losses.dropBatch(entry.epoch, entry.sequence, entry.totals);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#appendLosses();
    this.#drainMemory();
    for (const segment of this.#segments) await this.#syncSegment(segment);
    for (const segment of this.#segments) {
      if (segment.isDone) segment.remove();
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
    for (const name of readdirSync(folder).sort()) {
      const segment = SpoolSegment.reopen(folder, name);
      if (segment !== undefined) this.#segments.push(segment);
    }
    this.#nextNumber = (this.#segments.at(-1)?.number ?? 0) + 1;
    if (unclean === undefined) return;
    this.#tornSegment = this.#segments.at(-1);
    this.#appendCrashGap(unclean);
  }

  #appendCrashGap(run: UncleanRun): void {
    this.#appendGap({
      ...noTotals,
      epoch: run.epoch,
      firstSequence: 0,
      lastSequence: 0,
      reason: "crash",
      fromUs: run.lastAliveUs,
      toUs: Math.max(this.options.nowUs(), run.lastAliveUs),
    });
  }

  #appendGap(gap: Gap): void {
    this.append({ kind: "gap", epoch: gap.epoch, sequence: 0, bytes: encodeGap(gap), totals: noTotals });
  }

  /** Where the item now is, or undefined when the disk does not take it. */
  #write(item: SpoolItem): { segment: SpoolSegment; offset: number } | undefined {
    if (this.fault !== undefined) return undefined;
    try {
      const segment = this.#segmentFor(item.bytes.length);
      const offset = segment.append(item);
      if (item.kind === "batch") this.counters.batchesSpooled++;
      this.#count();
      return { segment, offset };
    } catch (error) {
      this.#degrade(error);
      return undefined;
    }
  }

  #segmentFor(payloadBytes: number): SpoolSegment {
    const active = this.#active;
    if (active !== undefined && active.size + payloadBytes <= this.#segmentBytesMax) return active;
    void this.#syncSegment(active);
    this.#active = undefined;
    if (active?.isDone === true) this.#remove(active);
    while (this.#segments.length > 0 && this.#diskBytes() + this.#segmentBytesMax > this.options.bytesMax) {
      this.#dropOldest();
    }
    const segment = SpoolSegment.create(this.options.folder, this.#nextNumber++, this.options.epoch);
    this.#segments.push(segment);
    this.#active = segment;
    this.#appendLosses();
    return segment;
  }

  #dropOldest(): void {
    const segment = this.#segments[0];
    for (let read = readOrSkip(segment); read !== undefined; read = readOrSkip(segment)) {
      this.#losses.dropRead(segment.epoch, read);
    }
    this.#remove(segment);
  }

  #appendLosses(): void {
    for (const gap of this.#losses.take()) this.#appendGap(gap);
  }

  #nextOf(segment: SpoolSegment): SpoolEntry | undefined {
    for (let read = readOrSkip(segment); read !== undefined; read = readOrSkip(segment)) {
      if (read.kind === "item") {
        return { ...read.item, place: { segment, offset: read.offset } satisfies DiskPlace };
      }
      if (read.kind === "hole" && read.atEnd && segment === this.#tornSegment) continue;
      this.#losses.keepCorrupt(segment.epoch, read);
      this.#appendLosses();
    }
    if (segment.isDone && segment !== this.#active) this.#remove(segment);
    return undefined;
  }

  #deliveredOf(segment: SpoolSegment): void {
    segment.deliveredCount++;
    if (segment.isDone && segment !== this.#active) this.#remove(segment);
  }

  #remove(segment: SpoolSegment): void {
    if (segment === this.#active) this.#active = undefined;
    this.#segments = this.#segments.filter((other) => other !== segment);
    try {
      segment.remove();
    } catch (error) {
      this.#degrade(error);
    }
    this.#count();
  }

  async #tick(): Promise<void> {
    const nowUs = this.options.nowUs();
    if (nowUs - this.#touchedUs >= touchIntervalUs) {
      this.#touchedUs = nowUs;
      this.#marker.touch(nowUs);
    }
    if (this.fault !== undefined && nowUs >= this.#retryAtUs) this.#drainMemory();
    const active = this.#active;
    if (active === undefined) return;
    if (active.isDone && active.itemCount > 0) this.#clear(active);
    await this.#syncSegment(active);
  }

  #clear(segment: SpoolSegment): void {
    try {
      segment.clear();
    } catch (error) {
      this.#degrade(error);
    }
    this.#count();
  }

  /** Moves what waits in memory to the disk, as far as the disk takes it. */
  #drainMemory(): void {
    this.fault = undefined;
    if (!this.#isOpen) this.#reopen();
    for (let entry = this.#memory.next(); entry !== undefined; entry = this.#memory.next()) {
      if (this.#write(entry) === undefined) {
        this.#memory.release(entry);
        break;
      }
      this.#memory.delivered(entry);
    }
    this.#count();
  }

  /** The folder could not be used at the start. */
  #reopen(): void {
    try {
      this.#openFolder();
    } catch (error) {
      this.#degrade(error);
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
    this.counters.spoolWriteErrors++;
    this.fault = `spool ${this.options.folder}: ${error instanceof Error ? error.message : String(error)}`;
    this.#retryAtUs = this.options.nowUs() + retryIntervalUs;
  }

  #diskBytes(): number {
    return this.#segments.reduce((bytes, segment) => bytes + Math.max(segment.size, fileBytesMin), 0);
  }

  #count(): void {
    this.counters.spoolSegments = this.#segments.length;
    this.counters.spoolBytes = this.#diskBytes() + this.#memory.counters.spoolBytes;
    this.counters.spoolMemoryItems = this.#memory.counters.spoolMemoryItems;
    this.counters.batchesDroppedSpoolFull =
      this.#losses.batchesDropped + this.#memory.counters.batchesDroppedSpoolFull;
    this.counters.recordsDroppedSpoolFull =
      this.#losses.recordsDropped + this.#memory.counters.recordsDroppedSpoolFull;
    this.counters.spoolRecordsCorrupt = this.#losses.recordsCorrupt;
  }
}

/** What the disk does not give back is a hole up to the end. */
function readOrSkip(segment: SpoolSegment): SpoolRead | undefined {
  try {
    return segment.read();
  } catch {
    return segment.skipRest();
  }
}

function sameEpoch(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function isDiskFault(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT", "EROFS", "EIO"].includes((error as NodeJS.ErrnoException).code ?? "");
}

function folderError(folder: string, cause: unknown): PicketError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new PicketError("SPOOL_FAILED", `spool folder ${folder} cannot be used: ${reason}`, {
    cause,
    field: "spoolFolder",
  });
}
