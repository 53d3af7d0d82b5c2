import { setTimeout as delay } from "node:timers/promises";
import { PicketError } from "@picket/proto/picket-error.js";
import { RESP_TYPES, createCluster } from "redis";
import type { RedisClientOptions } from "redis";
import type { RedisReply } from "./redis-connection.js";

/** How every server of the cluster is spoken to; `url` is only where the first is asked for the others. */
export type RedisNodeOptions = Pick<
  RedisClientOptions,
  | "url"
  | "disableOfflineQueue"
  | "commandsQueueMaxLength"
  | "disableClientInfo"
  | "maintNotifications"
  | "pingInterval"
> & { readonly socket: Record<string, unknown> };

const replyWithinMs = 5_000;
/** After a server was lost the others are asked who serves its slots, this often. */
const refreshAfterMs = 250;

/**
 * A Redis Cluster: each command goes to the server of its first key, and follows
 * when the slot has moved. A command of a slot that nobody serves fails within
 * 5 s while the others go on.
 */
export class RedisClusterClient {
  readonly #cluster: ReturnType<typeof newCluster>;
  #isOpen = false;

  /** @param onNode told when the connection to a server is made, again or for the first time */
  constructor(options: RedisNodeOptions, onNode: () => void) {
    this.#cluster = newCluster(options);
    this.#cluster.on("error", () => {});
    this.#cluster.on("node-ready", () => {
      if (this.#isOpen) onNode();
    });
  }

  /** Throws SERVER_UNREACHABLE when not every shard has a master that answers within 5 s. */
  async connect(): Promise<void> {
    await within(this.#cluster.connect());
    this.#isOpen = true;
  }

  send(words: readonly (string | Buffer)[]): Promise<RedisReply> {
    const options = { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };
    return within(this.#cluster.sendCommand<RedisReply>(firstKeyOf(words), false, [...words], options));
  }

  /** One reply of each master. */
  async sendToMasters(words: readonly string[]): Promise<RedisReply[]> {
    const masters = this.#cluster.masters.map(async (master) => {
      const client = await this.#cluster.nodeClient(master);
      return await client.sendCommand<RedisReply>(words);
    });
    return await within(Promise.all(masters));
  }

  destroy(): void {
    this.#isOpen = false;
    this.#cluster.destroy();
  }
}

function newCluster({ url, ...defaults }: RedisNodeOptions) {
  const { username, password, protocol } = new URL(url ?? "redis://127.0.0.1");
  const login = {
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
  };
  const socket = { ...defaults.socket, ...(protocol === "rediss:" ? { tls: true } : {}) };
  return createCluster({
    RESP: 2,
    rootNodes: [{ url }],
    defaults: { ...defaults, ...login, socket },
    commandOptions: { timeout: 0 },
    topologyRefreshOnReconnectionAttemptStrategy: refreshAfterMs,
  });
}

/** Of a script the first of its keys, else the word after the command; undefined when there is none. */
function firstKeyOf(words: readonly (string | Buffer)[]): string | Buffer | undefined {
  const command = String(words[0]);
  if (command === "EVAL" || command === "EVALSHA") return words[2] === "0" ? undefined : words[3];
  return command === "XREAD" ? words[words.indexOf("STREAMS") + 1] : words[1];
}

/** The client waits without end for a server that is being connected to. */
async function within<T>(work: Promise<T>): Promise<T> {
  const stop = new AbortController();
  const late = delay(replyWithinMs, undefined, { signal: stop.signal, ref: false }).then(() => {
    throw new PicketError("SERVER_UNREACHABLE", "no server of the redis cluster answers for a slot");
  });
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    stop.abort();
  }
}
