import { randomBytes } from "node:crypto";
import type { RedisConnection, RedisReply } from "../redis-connection.js";
import { bytes, list } from "../redis-reply.js";
import { logParts, retentionMs, shardCount, streamKey, type LogPart } from "./log-keys.js";

/** Entries of one stream read at once. */
const entriesPerRead = 256;
/** A stream gets its time to live anew when it is written to after this long. */
const expireEveryMs = 600_000;
/** It lives this much longer than what is in it. */
const expireExtraMs = 3_600_000;

/** An entry of the log. */
export interface LogEntry {
  readonly part: LogPart;
  readonly shard: number;
  readonly payload: Buffer;
  /** Written by this process. */
  readonly isOwn: boolean;
}

interface LogStream {
  readonly part: LogPart;
  readonly shard: number;
  readonly key: string;
  /** Id of the last entry read. */
  cursor: string;
  expireDueMs: number;
}

/**
 * What all correlators wrote, as Redis streams: one for each part and shard.
 * Every reader sees the entries of a stream in the same order.
 */
export class WindowLog {
  private readonly streams: LogStream[] = [];
  private readonly byKey = new Map<string, LogStream>();
  private readonly tag = randomBytes(8);

  constructor(private readonly connection: RedisConnection) {
    for (const part of logParts)
      for (let shard = 0; shard < shardCount; shard++) {
        const key = streamKey(part, shard);
        const stream: LogStream = { part, shard, key, cursor: "0-0", expireDueMs: 0 };
        this.streams.push(stream);
        this.byKey.set(key, stream);
      }
  }

  /** Reads from the beginning again. */
  rewind(): void {
    for (const stream of this.streams) {
      stream.cursor = "0-0";
      stream.expireDueMs = 0;
    }
  }

  /** Resolves when the payload is stored. */
  async append(part: LogPart, shard: number, payload: Buffer, nowMs: number): Promise<void> {
    const stream = this.streams[logParts.indexOf(part) * shardCount + shard];
    const oldest = String(Math.max(0, nowMs - retentionMs[part]));
    const added = this.connection.command(["XADD", stream.key, "MINID", "~", oldest, "*", this.tag, payload]);
    if (nowMs < stream.expireDueMs) return void (await added);
    stream.expireDueMs = nowMs + expireEveryMs;
    const ttl = String(retentionMs[part] + expireExtraMs);
    await Promise.all([added, this.connection.command(["PEXPIRE", stream.key, ttl])]);
  }

  /** Entries after those read so far, oldest first in each stream; none when everything was read. */
  async read(): Promise<LogEntry[]> {
    const replies = this.connection.isCluster
      ? await Promise.all(
          shards.map((shard) => this.readStreams(this.streams.filter((each) => each.shard === shard))),
        )
      : [await this.readStreams(this.streams)];
    return replies.flatMap((reply) => list(reply).flatMap((stream) => this.entriesOf(list(stream))));
  }

  private readStreams(streams: readonly LogStream[]): Promise<RedisReply> {
    return this.connection.command([
      "XREAD",
      "COUNT",
      String(entriesPerRead),
      "STREAMS",
      ...streams.map(({ key }) => key),
      ...streams.map(({ cursor }) => cursor),
    ]);
  }

  private entriesOf([name, held]: readonly RedisReply[]): LogEntry[] {
    const stream = this.byKey.get(bytes(name).toString("latin1"));
    if (stream === undefined) return [];
    const { part, shard } = stream;
    return list(held).map((entry) => {
      const [id, fields] = list(entry);
      const [tag, payload] = list(fields);
      stream.cursor = bytes(id).toString("latin1");
      return { part, shard, payload: bytes(payload), isOwn: bytes(tag).equals(this.tag) };
    });
  }
}

const shards = Array.from({ length: shardCount }, (_, shard) => shard);
