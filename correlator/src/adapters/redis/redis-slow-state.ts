import { setTimeout as delay } from "node:timers/promises";
import { CheckpointDamage, pieceBytesMax, type SlowState } from "../../rebuild/checkpoint.js";
import type { RedisConnection } from "./redis-connection.js";
import { bytes, list } from "./redis-reply.js";
import type { RedisWindowStore } from "./redis-window-store.js";
import {
  layoutVersion,
  logParts,
  retentionMs,
  shardCount,
  streamKey,
  type LogPart,
} from "./window-log/log-keys.js";

/** Parts of the log that the flows of the last minutes do not give. */
const slowParts: readonly LogPart[] = ["contacts", "facts", "daily", "counts"];
const entriesPerRead = 64;
/** The server works for others at least half of the time. */
const restMsMax = 10;
const headBytes = 6;

/** The slow windows of Redis: their log, copied and appended again. */
export class RedisSlowState implements SlowState {
  readonly layout = layoutVersion;

  constructor(
    private readonly connection: RedisConnection,
    private readonly store: RedisWindowStore,
  ) {}

  /** Entries one after the other: part, shard, length (4), payload. */
  async *dump(nowMs: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    let piece: Buffer[] = [];
    let size = 0;
    for await (const entry of this.entries(nowMs, signal)) {
      if (size > 0 && size + entry.length > pieceBytesMax) {
        yield Buffer.concat(piece);
        [piece, size] = [[], 0];
      }
      piece.push(entry);
      size += entry.length;
    }
    if (size > 0) yield Buffer.concat(piece);
  }

  async restore(piece: Buffer): Promise<void> {
    const appends: Promise<void>[] = [];
    for (let at = 0; at < piece.length;) {
      const part = logParts[piece[at]];
      const shard = piece[at + 1];
      const end = at + headBytes <= piece.length ? at + headBytes + piece.readUInt32LE(at + 2) : Infinity;
      if (part === undefined || shard >= shardCount || end > piece.length)
        throw new CheckpointDamage("a piece of the checkpoint cannot be read");
      appends.push(this.store.restore(part, shard, piece.subarray(at + headBytes, end)));
      at = end;
    }
    await Promise.all(appends);
  }

  private async *entries(nowMs: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    for (const part of slowParts)
      for (let shard = 0; shard < shardCount; shard++) {
        let from = String(Math.max(0, nowMs - retentionMs[part]));
        for (;;) {
          signal.throwIfAborted();
          const beganMs = performance.now();
          const reply = list(
            await this.connection.command([
              "XRANGE",
              streamKey(part, shard),
              from,
              "+",
              "COUNT",
              String(entriesPerRead),
            ]),
          );
          for (const entry of reply) {
            const [id, fields] = list(entry);
            from = `(${bytes(id).toString("latin1")}`;
            yield packed(part, shard, bytes(list(fields)[1]));
          }
          if (reply.length < entriesPerRead) break;
          await delay(Math.min(performance.now() - beganMs, restMsMax));
        }
      }
  }
}

function packed(part: LogPart, shard: number, payload: Buffer): Buffer {
  const head = Buffer.allocUnsafe(headBytes);
  head[0] = logParts.indexOf(part);
  head[1] = shard;
  head.writeUInt32LE(payload.length, 2);
  return Buffer.concat([head, payload]);
}
