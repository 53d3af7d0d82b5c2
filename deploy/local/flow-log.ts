import type { FileHandle } from "node:fs/promises";
import { chmod, mkdir, open, readdir, readFile, stat, unlink } from "node:fs/promises";
import { join } from "node:path";

import { PicketError } from "@picket/proto/picket-error.js";

import type { FlowLogEntry } from "./flow-log-entry.js";
import { decodeEntries, encodeEntry } from "./flow-log-entry.js";

/** Bounds of the log; the oldest segment goes first. */
export interface FlowLogOptions {
  /** Folder, made with mode 0700 when missing. */
  readonly folder: string;
  readonly bytesMax?: number;
  readonly ageMaxMs?: number;
  readonly segmentBytesMax?: number;
  /** Bytes that may wait for the disk; beyond it batches are left out and counted. */
  readonly queueBytesMax?: number;
}

interface Segment {
  readonly name: string;
  bytes: number;
  /** Ingest time of the newest entry, milliseconds. */
  newestMs: number;
}

/** A file's time is that of the kernel's last tick, and an entry's that of the clock: the file may seem older. */
const fileClockLagMs = 1000;
const segmentPattern = /^flows-(\d{15})\.log$/;

/**
 * The last flow batches of this machine on disk, bounded by bytes and age, in
 * segment files of mode 0600. A failed write is counted and never stops the
 * detection.
 */
export class FlowLog {
  readonly counters = { batchesWritten: 0, batchesLeftOut: 0, writesFailed: 0, segmentsDropped: 0, bytes: 0 };
  private handle: FileHandle | undefined;
  private queuedBytes = 0;
  private tail: Promise<void> = Promise.resolve();

  private constructor(
    private readonly options: Required<FlowLogOptions>,
    /** Oldest first; the last one is written to. */
    private readonly segments: Segment[],
  ) {}

  /**
   * Opens the log of a folder and drops what is over its bounds.
   * Throws PicketError FILE_UNREADABLE when the folder cannot be used.
   */
  static async open(options: FlowLogOptions, nowMs: number): Promise<FlowLog> {
    const full = {
      bytesMax: 1024 ** 3,
      ageMaxMs: 7 * 86_400_000,
      segmentBytesMax: 32 * 1024 ** 2,
      queueBytesMax: 8 * 1024 ** 2,
      ...options,
    };
    try {
      await mkdir(full.folder, { recursive: true, mode: 0o700 });
      await chmod(full.folder, 0o700);
      const log = new FlowLog(full, await readSegments(full.folder));
      await log.dropOld(nowMs);
      return log;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new PicketError("FILE_UNREADABLE", `${full.folder}: the flow log cannot be used: ${reason}`, {
        cause,
      });
    }
  }

  /** Queues an encoded batch; `bytes` is copied. */
  append(sensor: string, ingestMs: number, bytes: Uint8Array): void {
    const entry = encodeEntry({ sensor, ingestMs, bytes });
    if (this.queuedBytes + entry.length > this.options.queueBytesMax) {
      this.counters.batchesLeftOut++;
      return;
    }
    this.queuedBytes += entry.length;
    this.tail = this.tail.then(() => this.write(entry, ingestMs));
  }

  /**
   * Every stored batch with an ingest time from `fromMs` on, oldest segment
   * first, of the newest segments that hold no more than `bytesMax` together;
   * damaged ends are skipped.
   */
  async *read(fromMs: number, bytesMax = Infinity): AsyncGenerator<FlowLogEntry> {
    await this.tail;
    for (const segment of newestOf(this.segments, bytesMax)) {
      if (segment.newestMs < fromMs) continue;
      const bytes = await readFile(join(this.options.folder, segment.name)).catch(() => new Uint8Array(0));
      for (const entry of decodeEntries(bytes)) if (entry.ingestMs >= fromMs) yield entry;
    }
  }

  /** Writes what is queued and closes the file. */
  async close(): Promise<void> {
    await this.tail;
    await this.handle?.close();
    this.handle = undefined;
  }

  private async write(entry: Uint8Array, ingestMs: number): Promise<void> {
    this.queuedBytes -= entry.length;
    try {
      const handle = await this.writable(entry.length, ingestMs);
      await handle.write(entry);
      this.lengthen(entry.length, ingestMs);
    } catch {
      this.counters.writesFailed++;
      await this.handle?.close().catch(() => undefined);
      this.handle = undefined;
    }
  }

  /** The open segment, or a new one when it is full. */
  private async writable(bytes: number, nowMs: number): Promise<FileHandle> {
    const last = this.segments[this.segments.length - 1];
    if (this.handle !== undefined && last.bytes + bytes <= this.options.segmentBytesMax) return this.handle;
    await this.handle?.close();
    this.handle = undefined;
    const name = nextName(last?.name, nowMs);
    this.handle = await open(join(this.options.folder, name), "ax", 0o600);
    this.segments.push({ name, bytes: 0, newestMs: nowMs });
    await this.dropOld(nowMs);
    return this.handle;
  }

  private lengthen(bytes: number, ingestMs: number): void {
    const last = this.segments[this.segments.length - 1];
    last.bytes += bytes;
    last.newestMs = Math.max(last.newestMs, ingestMs);
    this.counters.batchesWritten++;
    this.counters.bytes += bytes;
  }

  /** Leaves room for one more full segment, and nothing too old. */
  private async dropOld(nowMs: number): Promise<void> {
    const { bytesMax, ageMaxMs, segmentBytesMax, folder } = this.options;
    let total = this.segments.reduce((sum, segment) => sum + segment.bytes, 0);
    while (this.segments.length > (this.handle === undefined ? 0 : 1)) {
      const oldest = this.segments[0];
      if (total + segmentBytesMax <= bytesMax && oldest.newestMs >= nowMs - ageMaxMs) break;
      await unlink(join(folder, oldest.name)).catch(() => undefined);
      this.segments.shift();
      this.counters.segmentsDropped++;
      total -= oldest.bytes;
    }
    this.counters.bytes = total;
  }
}

/** The newest segments that fit, oldest first; the newest one in any case. */
function newestOf(segments: readonly Segment[], bytesMax: number): Segment[] {
  let first = Math.max(0, segments.length - 1);
  let bytes = segments[first]?.bytes ?? 0;
  while (first > 0 && bytes + segments[first - 1].bytes <= bytesMax) bytes += segments[--first].bytes;
  return segments.slice(first);
}

async function readSegments(folder: string): Promise<Segment[]> {
  const names = (await readdir(folder)).filter((name) => segmentPattern.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(folder, name));
      return { name, bytes: size, newestMs: mtimeMs + fileClockLagMs };
    }),
  );
}

/** Names grow even when the clock goes back. */
function nextName(last: string | undefined, nowMs: number): string {
  const previous = last === undefined ? 0 : Number(segmentPattern.exec(last)?.[1]);
  const number = Math.max(Math.floor(nowMs), previous + 1);
  return `flows-${String(number).padStart(15, "0")}.log`;
}
