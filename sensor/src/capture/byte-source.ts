import { closeSync, createReadStream, fstatSync, open as openDescriptor, readSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import { PicketError } from "@picket/proto/picket-error.js";

/** Bytes of a regular file that are read before other work gets its turn. */
const bytesPerTurn = 4 * 1024 * 1024;

/** Bytes in order: a file, a pipe, or what a gzip stream holds. */
export interface ByteSource {
  /**
   * Fills `target` from `start` on with what is there, at least one byte;
   * 0 at the end. Throws PicketError FILE_UNREADABLE when reading fails.
   */
  read(target: Uint8Array, start: number): Promise<number>;
  /** Why the bytes ended too early; undefined for a proper end. */
  readonly brokenReason: string | undefined;
  close(): Promise<void>;
}

/** Opens a file, or standard input for `-`. Throws PicketError FILE_UNREADABLE with one clear line. */
export async function openByteSource(path: string): Promise<ByteSource> {
  if (path === "-") return new StreamByteSource(process.stdin, "standard input");
  const descriptor = await promisify(openDescriptor)(path, "r").catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  const status = fstatSync(descriptor);
  if (status.isFile()) return new FileByteSource(descriptor, path);
  if (status.isFIFO()) return new StreamByteSource(new Socket({ fd: descriptor }), path);
  if (!status.isDirectory()) return new StreamByteSource(createReadStream(path, { fd: descriptor }), path);
  closeSync(descriptor);
  throw new PicketError("FILE_UNREADABLE", `${path} is a directory: name a file in it`);
}

function unreadable(path: string, cause: unknown): PicketError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const reasons = new Map<unknown, string>([
    ["ENOENT", `${path} does not exist: check the name`],
    ["EACCES", `${path} may not be read: check its permissions`],
    ["EPERM", `${path} may not be read: check its permissions`],
    ["ENOTDIR", `${path} does not exist: a part of the path is a file`],
  ]);
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new PicketError("FILE_UNREADABLE", reasons.get(code) ?? `${path} cannot be read: ${detail}`, {
    cause,
  });
}

/**
 * A regular file, read on this thread: handing each read to another thread and
 * back costs more than the read, and small reads stay in the processor's cache.
 */
class FileByteSource implements ByteSource {
  readonly brokenReason = undefined;
  private bytesThisTurn = 0;
  private isClosed = false;

  constructor(
    private readonly descriptor: number,
    private readonly path: string,
  ) {}

  async read(target: Uint8Array, start: number): Promise<number> {
    if (this.bytesThisTurn >= bytesPerTurn) {
      this.bytesThisTurn = 0;
      await setImmediate();
    }
    if (this.isClosed) return 0;
    try {
      const bytesRead = readSync(this.descriptor, target, start, target.length - start, null);
      this.bytesThisTurn += bytesRead;
      return bytesRead;
    } catch (cause) {
      throw unreadable(this.path, cause);
    }
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    closeSync(this.descriptor);
  }
}

/** A pipe, a device, standard input; a chunk that does not fit is kept for the next read. */
class StreamByteSource implements ByteSource {
  readonly brokenReason = undefined;
  private readonly chunks: AsyncIterator<Buffer>;
  private rest: Uint8Array = new Uint8Array(0);
  private isClosed = false;

  constructor(
    private readonly stream: Readable,
    private readonly name: string,
  ) {
    this.chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async read(target: Uint8Array, start: number): Promise<number> {
    while (this.rest.length === 0) {
      const next = await this.nextChunk();
      if (next === undefined) return 0;
      this.rest = next;
    }
    const taken = this.rest.subarray(0, target.length - start);
    target.set(taken, start);
    this.rest = this.rest.subarray(taken.length);
    return taken.length;
  }

  private async nextChunk(): Promise<Uint8Array | undefined> {
    try {
      const next = await this.chunks.next();
      return next.done === true ? undefined : next.value;
    } catch (cause) {
      // Closing ends a read that waits.
      if (this.isClosed) return undefined;
      throw unreadable(this.name, cause);
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.stream.destroy();
  }
}
