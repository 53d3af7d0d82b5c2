import { partitionCount } from "../../../windows/window-store.js";
import { redisScript, type RedisConnection, type RedisReply } from "../redis-connection.js";
import { list } from "../redis-reply.js";
import { readLua } from "./read-lua.js";

const readAll = redisScript(readLua);
/** Keys of one script call: about a millisecond, in which nobody else is served. */
const keysPerCallMax = 128;

/** What may be read of a key, by the name of its command. */
export type ReadCommand = "GET" | "HGET" | "HGETALL" | "PFCOUNT" | "SMEMBERS";

interface Waiting {
  readonly key: string;
  readonly command: ReadCommand;
  readonly field: string;
  readonly reply: Promise<RedisReply>;
  resolve(reply: RedisReply): void;
  reject(error: unknown): void;
}

/**
 * Reads of one turn of the event loop leave together, in one script for each
 * partition, and what several ask for is read once: a command of its own costs
 * the client ten times as much.
 */
export class PartitionReads {
  private waiting: Map<string, Waiting>[] = [];
  private isScheduled = false;

  constructor(private readonly connection: RedisConnection) {}

  /** @param field binary string, for HGET only */
  read(partition: number, command: ReadCommand, key: string, field = ""): Promise<RedisReply> {
    this.schedule();
    const waiting = (this.waiting[partition] ??= new Map<string, Waiting>());
    const name = `${command} ${key} ${field}`;
    const known = waiting.get(name);
    if (known !== undefined) return known.reply;
    const added = waitFor(key, command, field);
    waiting.set(name, added);
    return added.reply;
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
    for (let partition = 0; partition < partitionCount; partition++) {
      const reads = [...(waiting[partition]?.values() ?? [])];
      for (let from = 0; from < reads.length; from += keysPerCallMax)
        void this.call(reads.slice(from, from + keysPerCallMax));
    }
  }

  private async call(reads: readonly Waiting[]): Promise<void> {
    const words: (string | Buffer)[] = [];
    for (const { command, field } of reads) words.push(command, Buffer.from(field, "latin1"));
    try {
      const replies = list(
        await this.connection.run(
          readAll,
          reads.map(({ key }) => key),
          words,
        ),
      );
      for (const [index, read] of reads.entries()) read.resolve(replies[index]);
    } catch (error) {
      for (const read of reads) read.reject(error);
    }
  }
}

function waitFor(key: string, command: ReadCommand, field: string): Waiting {
  let resolve: Waiting["resolve"] = () => {};
  let reject: Waiting["reject"] = () => {};
  const reply = new Promise<RedisReply>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });
  return { key, command, field, reply, resolve, reject };
}
