import { type EventEmitter, once } from "node:events";
import { createGunzip, type Gunzip } from "node:zlib";
import type { ByteSource } from "./byte-source.js";

/** Compressed bytes handed to zlib at a time; its output waits in a bounded queue. */
const compressedChunkBytes = 64 * 1024;
/** Unpacked bytes zlib delivers at a time. */
const unpackedChunkBytes = 64 * 1024;

/** True when the bytes begin like a gzip member (RFC 1952). */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * The bytes inside a gzip stream, unpacked as they are asked for: what a small
 * file can grow to is never held in memory. Damage ends the bytes with
 * `brokenReason`; what was unpacked before it is delivered, less than one chunk
 * of zlib's output may be lost.
 */
export class GunzipSource implements ByteSource {
  brokenReason: string | undefined;
  private readonly gunzip: Gunzip = createGunzip({ chunkSize: unpackedChunkBytes });
  private rest: Uint8Array = new Uint8Array(0);
  private isEnded = false;
  private isClosed = false;
  private failure: unknown;
  private readonly feeding: Promise<void>;

  /** `head` holds the compressed bytes already taken from `source`. */
  constructor(
    private readonly source: ByteSource,
    head: Uint8Array,
  ) {
    this.gunzip.on("end", () => (this.isEnded = true));
    this.gunzip.on("error", (error: Error) => {
      this.isEnded = true;
      this.brokenReason = `the gzip data is damaged or cut off (${error.message})`;
    });
    this.feeding = this.feed(head);
  }

  async read(target: Uint8Array, start: number): Promise<number> {
    while (this.rest.length === 0) {
      const chunk: Buffer | null = this.gunzip.read();
      if (chunk !== null) this.rest = chunk;
      else if (this.isEnded) return this.finish();
      else await firstEvent(this.gunzip, "readable", "end", "error", "close");
    }
    const taken = this.rest.subarray(0, target.length - start);
    target.set(taken, start);
    this.rest = this.rest.subarray(taken.length);
    return taken.length;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.isEnded = true;
    this.gunzip.destroy();
    await this.source.close();
    await this.feeding;
  }

  private finish(): number {
    if (this.failure !== undefined) throw this.failure;
    return 0;
  }

  private async feed(head: Uint8Array): Promise<void> {
    try {
      let chunk = head;
      while (chunk.length > 0 && !this.isEnded) {
        if (!this.gunzip.write(chunk)) await firstEvent(this.gunzip, "drain", "error", "close");
        if (this.isEnded) return;
        const buffer = new Uint8Array(compressedChunkBytes);
        chunk = buffer.subarray(0, await this.source.read(buffer, 0));
      }
    } catch (error) {
      this.failure = error;
    }
    if (!this.isClosed) this.gunzip.end();
  }
}

async function firstEvent(emitter: EventEmitter, ...names: string[]): Promise<void> {
  const settled = new AbortController();
  const events = names.map((name) => once(emitter, name, { signal: settled.signal }));
  await Promise.race(events.map((event) => event.catch(() => undefined)));
  settled.abort();
}
