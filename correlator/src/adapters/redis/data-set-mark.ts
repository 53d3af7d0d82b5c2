import { randomBytes } from "node:crypto";
import { PicketError } from "@picket/proto/picket-error.js";
import type { RedisReply } from "./redis-connection.js";

const key = "picket:secret";
const secretBytes = 16;
const markBytes = 8;

/** KEYS the value; ARGV what it was, what it shall be. */
const replace = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) end
return 1`;

/** Sends one command to the server that holds the mark. */
type Send = (words: readonly (string | Buffer)[]) => Promise<RedisReply>;

interface DataSet {
  readonly held: Buffer;
  readonly secret: Buffer;
  readonly mark: Buffer;
  /** Version of the windows' layout; 0 where none was named yet. */
  readonly layout: number;
}

/**
 * Random key of the deployment (16 bytes), a mark (8 bytes) of the data set and
 * the version of the layout that the windows in it have, in one value. When the
 * mark changes, everything else is lost too; the first to find that out brings
 * the key back, so that keyed hashes stay the same. A correlator with a newer
 * layout takes the data set over with a new mark, and from that moment no older
 * one merges any more: what those applied the newer one finds in the flows.
 */
export class DataSetMark {
  secret: Buffer = randomBytes(secretBytes);
  private mark: Buffer = Buffer.alloc(0);

  /** @param layout of this correlator's windows; undefined for who reads and writes none */
  constructor(private readonly layout: number | undefined) {}

  /** Whether the data set is still the one known. */
  async isSame(send: Send): Promise<boolean> {
    const held = await send(["GET", key]);
    return Buffer.isBuffer(held) && held.subarray(secretBytes, secretBytes + markBytes).equals(this.mark);
  }

  /** Takes the mark, makes it where there is none, or replaces that of an older layout. */
  async load(send: Send): Promise<void> {
    for (;;) {
      await send(["SET", key, this.newValue(), "NX"]);
      const held = await send(["GET", key]);
      if (held === null) continue;
      const found = parse(held);
      this.secret = found.secret;
      this.mark = found.mark;
      if (this.layout === undefined || found.layout === this.layout) return;
      if (found.layout > this.layout) throw superseded(found.layout, this.layout);
      await send(["EVAL", replace, "1", key, found.held, this.newValue()]);
    }
  }

  private newValue(): Buffer {
    return Buffer.concat([this.secret, randomBytes(markBytes), Buffer.from(String(this.layout ?? ""))]);
  }
}

function parse(held: RedisReply): DataSet {
  const layoutText = Buffer.isBuffer(held) ? held.subarray(secretBytes + markBytes).toString("latin1") : "?";
  if (!Buffer.isBuffer(held) || held.length < secretBytes + markBytes || !/^\d{0,6}$/.test(layoutText))
    throw new PicketError(
      "SERVER_CONFIG",
      `redis key ${key} is not ours: delete it, or use another database`,
    );
  return {
    held,
    secret: held.subarray(0, secretBytes),
    mark: held.subarray(secretBytes, secretBytes + markBytes),
    layout: Number(layoutText),
  };
}

function superseded(theirs: number, ours: number): PicketError {
  return new PicketError(
    "SERVER_CONFIG",
    `redis holds the windows of newer correlators (layout ${theirs}, this one has ${ours}): upgrade this one, ` +
      `or stop those and delete the key ${key} to go back`,
  );
}
