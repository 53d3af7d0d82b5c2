import { redisScript, type RedisConnection, type RedisReply } from "../redis-connection.js";
import { latin1, list } from "../redis-reply.js";
import { readCommands, readLua } from "./read-lua.js";

const readAll = redisScript(readLua);
/** Keys of one script call: about a millisecond, in which nobody else is served. */
const keysPerCallMax = 256;

/** What may be read of a key, by the name of its command. */
export type ReadCommand = (typeof readCommands)[number];

interface Waiting {
  readonly command: ReadCommand;
  readonly keys: readonly string[];
  readonly field: string;
  resolve(replies: readonly RedisReply[]): void;
  reject(error: unknown): void;
}

/**
 * Reads of one turn of the event loop leave together, in one script for each
 * partition, and a key that several ask for is read once: a command of its own
 * costs the client ten times as much.
 */
export class PartitionReads {
  private waiting: Waiting[][] = [];
  private known = new Map<string, Promise<RedisReply>>();
  private isScheduled = false;

  constructor(private readonly connection: RedisConnection) {}

  /** @param field binary string, for HGET only */
  read(partition: number, command: ReadCommand, key: string, field = ""): Promise<RedisReply> {
    this.schedule();
    const name = `${command} ${key} ${field}`;
    let reply = this.known.get(name);
    if (reply === undefined) {
      reply = this.readEach(partition, command, [key], field).then(([only]) => only);
      this.known.set(name, reply);
    }
    return reply;
  }

  /** The same of several keys, with a reply for each. */
  readEach(
    partition: number,
    command: ReadCommand,
    keys: readonly string[],
    field = "",
  ): Promise<readonly RedisReply[]> {
    this.schedule();
    return new Promise((resolve, reject) => {
      (this.waiting[partition] ??= []).push({ command, keys, field, resolve, reject });
    });
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => this.send());
  }

  private send(): void {
    const { waiting } = this;
    this.isScheduled = false;
    this.waiting = [];
    this.known = new Map();
    for (const reads of waiting) if (reads !== undefined) this.sendAll(reads);
  }

  private sendAll(reads: readonly Waiting[]): void {
    let keys = 0;
    let some: Waiting[] = [];
    for (const read of reads) {
      some.push(read);
      keys += read.keys.length;
      if (keys < keysPerCallMax) continue;
      void this.call(some);
      some = [];
      keys = 0;
    }
    if (some.length > 0) void this.call(some);
  }

  private async call(reads: readonly Waiting[]): Promise<void> {
    const keys: string[] = [];
    let packed = "";
    for (const read of reads) {
      for (const key of read.keys) keys.push(key);
      const number = readCommands.indexOf(read.command) + 1;
      packed += String.fromCharCode(number, read.keys.length, read.field.length) + read.field;
    }
    try {
      const replies = list(await this.connection.run(readAll, keys, [latin1(packed)]));
      let at = 0;
      for (const read of reads) read.resolve(replies.slice(at, (at += read.keys.length)));
    } catch (error) {
      for (const read of reads) read.reject(error);
    }
  }
}
