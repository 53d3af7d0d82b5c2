import { createHash } from "node:crypto";
import { PicketError } from "@picket/proto/picket-error.js";
import { ErrorReply, RESP_TYPES, createClient } from "redis";
import { DataSetMark } from "./data-set-mark.js";
import { RedisClusterClient } from "./redis-cluster-client.js";

/** How to reach Redis. */
export interface RedisConnectionOptions {
  /** `redis[s]://[[user][:password]@]host[:port][/database]`; any server of a cluster names the others. */
  readonly url: string;
  /** Longest time between two attempts to reconnect, milliseconds; default 2000. */
  readonly reconnectDelayMsMax?: number;
  /** Version of the windows' layout, of a correlator: it takes over what older ones wrote, and gives way to newer ones. */
  readonly layout?: number;
  /** Called when the connection comes, goes or is refused; for a log that limits its rate. */
  readonly onState?: (state: RedisState) => void;
}

/** What became of the connection. */
export type RedisState =
  | { readonly state: "up"; readonly version: string }
  | { readonly state: "down"; readonly reason: string }
  | { readonly state: "refused"; readonly error: PicketError };

/** A reply in RESP2 with bulk strings as buffers. */
export type RedisReply = Buffer | string | number | null | RedisReply[];

/** A Lua script with the name Redis knows it by. */
export interface RedisScript {
  readonly text: string;
  readonly sha: string;
}

/** A script, to be run by `RedisConnection.run`. */
export function redisScript(text: string): RedisScript {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

const commandsMax = 200_000;
const timeoutMs = 5_000;

type Client = ReturnType<typeof newClient>;

/**
 * One connection to Redis, or one to each master of a Redis Cluster, that comes
 * back by itself. Nothing waits while Redis is away: a call then fails with
 * SERVER_UNREACHABLE, and the caller decides. The keys of a script lie in one slot.
 */
export class RedisConnection {
  /** Changes when what was written may be gone: after every reconnection, and when the secret changed. */
  stateEpoch = 0;
  private readonly mark: DataSetMark;
  private readonly client: Client;
  /** In place of the client once a server said that it is one of several. */
  private cluster: RedisClusterClient | undefined;
  private readonly loaded = new Set<string>();
  private isUp = false;
  private isClosed = false;
  private refusal: PicketError | undefined;
  private waiting: (() => void)[] = [];

  constructor(private readonly options: RedisConnectionOptions) {
    this.mark = new DataSetMark(options.layout);
    this.client = newClient(options, (cause) => this.refusalOf(cause));
    this.client.on("error", (error: Error) => {
      if (this.cluster === undefined) this.down(error);
    });
    this.client.on("terminated", (error: Error) => this.refuse(refusedError(error, options.url)));
    this.client.on("ready", () => void this.check());
  }

  /** Begins to connect and returns at once. */
  start(): void {
    this.client.connect().catch((error: Error) => this.down(error));
  }

  /**
   * Resolves when Redis is up. Throws SERVER_UNREACHABLE after `waitMs` (and goes
   * on trying), CREDENTIALS_REFUSED, SERVER_TOO_OLD or SERVER_CONFIG.
   */
  async whenUp(waitMs: number): Promise<void> {
    const deadlineMs = Date.now() + waitMs;
    while (!this.isUp) {
      if (this.refusal !== undefined) throw this.refusal;
      const leftMs = deadlineMs - Date.now();
      if (leftMs <= 0) throw this.unreachable();
      await this.change(leftMs);
    }
  }

  /** One command; commands of one turn of the event loop leave together. */
  async command(words: readonly (string | Buffer)[]): Promise<RedisReply> {
    if (!this.isUp) throw this.refusal ?? this.unreachable();
    try {
      return await this.send(words);
    } catch (error) {
      throw this.failureOf(error);
    }
  }

  /** 16 random bytes shared by all processes of this deployment. */
  get secret(): Buffer {
    return this.mark.secret;
  }

  /** The keys of one command must lie in one slot. */
  get isCluster(): boolean {
    return this.cluster !== undefined;
  }

  /** Runs a script by its name, and with its text where Redis does not know it. */
  async run(
    script: RedisScript,
    keys: readonly string[],
    words: readonly (string | Buffer)[],
  ): Promise<RedisReply> {
    const rest = [String(keys.length), ...keys, ...words];
    if (!this.loaded.has(script.sha)) return await this.runText(script, rest);
    try {
      return await this.command(["EVALSHA", script.sha, ...rest]);
    } catch (error) {
      if (!(error instanceof ErrorReply) || !error.message.startsWith("NOSCRIPT")) throw error;
      return await this.runText(script, rest);
    }
  }

  /** Whether the data set is still the one known; resolves in step with the commands around it. */
  isSameState(): Promise<boolean> {
    return this.mark.isSame((words) => this.command(words));
  }

  /**
   * Everything written is gone: takes or makes the mark anew. Where a newer
   * correlator took over the data set, the connection is refused from now on.
   */
  async renewState(): Promise<void> {
    this.stateEpoch++;
    try {
      await this.loadMark();
    } catch (error) {
      if (error instanceof PicketError && error.code === "SERVER_CONFIG") this.refuse(error);
      throw this.failureOf(error);
    }
  }

  close(): Promise<void> {
    this.isClosed = true;
    this.isUp = false;
    this.destroy();
    this.notify();
    return Promise.resolve();
  }

  private send(words: readonly (string | Buffer)[]): Promise<RedisReply> {
    if (this.cluster !== undefined) return this.cluster.send(words);
    return this.client.sendCommand<RedisReply>(words, { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } });
  }

  private async runText(script: RedisScript, rest: readonly (string | Buffer)[]): Promise<RedisReply> {
    const reply = await this.command(["EVAL", script.text, ...rest]);
    this.loaded.add(script.sha);
    return reply;
  }

  /** What must hold before anything is written. */
  private async check(): Promise<void> {
    try {
      const version = await this.checkVersion();
      await this.checkPolicy();
      await this.loadMark();
      this.stateEpoch++;
      this.loaded.clear();
      this.isUp = true;
      this.refusal = undefined;
      this.options.onState?.({ state: "up", version });
      this.notify();
    } catch (error) {
      if (error instanceof PicketError) this.refuse(error);
      else if (isCredentialsError(error)) this.refuse(refusedError(error, this.options.url));
      else this.down(error as Error);
    }
  }

  private async checkVersion(): Promise<string> {
    const info = String(await this.send(["INFO", "server"]));
    if (info.includes("redis_mode:cluster")) await this.openCluster();
    const version = /redis_version:(\S+)/.exec(info)?.[1] ?? "unknown";
    if (Number.parseInt(version, 10) >= 7) return version;
    throw new PicketError(
      "SERVER_TOO_OLD",
      `redis at ${place(this.options.url)} is ${version}: install 7.0 or later`,
    );
  }

  /** From now on every command goes to the master of its key; the first client has done its work. */
  private async openCluster(): Promise<void> {
    const options = { ...nodeOptions(this.options, (cause) => this.refusalOf(cause)), url: this.options.url };
    const cluster = new RedisClusterClient(options, () => {
      // A server that comes back or takes over may lack what was written.
      this.stateEpoch++;
    });
    try {
      await cluster.connect();
    } catch (error) {
      cluster.destroy();
      throw error;
    }
    if (this.isClosed) return cluster.destroy();
    this.cluster = cluster;
    if (this.client.isOpen) this.client.destroy();
  }

  /** A user that may not read the configuration is trusted to have set it. */
  private async checkPolicy(): Promise<void> {
    const words = ["CONFIG", "GET", "maxmemory-policy"];
    const asked = this.cluster?.sendToMasters(words) ?? this.send(words).then((reply) => [reply]);
    const replies = await asked.catch((error: Error) => {
      if (error instanceof ErrorReply) return [];
      throw error;
    });
    const policies = replies.map((reply) =>
      Array.isArray(reply) && reply.length === 2 ? String(reply[1]) : "noeviction",
    );
    const policy = policies.find((each) => each !== "noeviction");
    if (policy === undefined) return;
    throw new PicketError(
      "SERVER_CONFIG",
      `redis at ${place(this.options.url)} has maxmemory-policy ${policy}: set it to noeviction, or windows lose contacts silently`,
    );
  }

  private loadMark(): Promise<void> {
    return this.mark.load((words) => this.send(words));
  }

  private down(error: Error): void {
    this.isUp = false;
    if (!this.isClosed && this.refusal === undefined)
      this.options.onState?.({ state: "down", reason: error.message });
    this.notify();
  }

  private refuse(error: PicketError): void {
    this.isUp = false;
    if (this.isClosed) return;
    this.refusal = error;
    this.options.onState?.({ state: "refused", error });
    this.destroy();
    this.notify();
  }

  private destroy(): void {
    this.cluster?.destroy();
    if (this.client.isOpen) this.client.destroy();
  }

  /** Refused credentials end the attempts; anything else is tried again. */
  private refusalOf(cause: unknown): Error | undefined {
    return isCredentialsError(cause) ? cause : undefined;
  }

  private failureOf(error: unknown): Error {
    if (
      error instanceof ErrorReply &&
      !/^(LOADING|MASTERDOWN|READONLY|CLUSTERDOWN|TRYAGAIN|MOVED|ASK)/.test(error.message)
    )
      return error;
    if (error instanceof PicketError) return error;
    return this.unreachable(error);
  }

  private unreachable(cause?: unknown): PicketError {
    return new PicketError("SERVER_UNREACHABLE", `redis at ${place(this.options.url)} does not answer`, {
      cause,
    });
  }

  private change(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private notify(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

function newClient(options: RedisConnectionOptions, refusalOf: (cause: unknown) => Error | undefined) {
  // The client's own limit makes an abort signal for each command; the socket's does for all.
  const commandOptions = { timeout: 0 };
  return createClient({ url: options.url, RESP: 2, commandOptions, ...nodeOptions(options, refusalOf) });
}

/** What holds for every server. */
function nodeOptions(options: RedisConnectionOptions, refusalOf: (cause: unknown) => Error | undefined) {
  const delayMsMax = options.reconnectDelayMsMax ?? 2_000;
  return {
    disableOfflineQueue: true,
    commandsQueueMaxLength: commandsMax,
    disableClientInfo: true,
    maintNotifications: "disabled" as const,
    pingInterval: 1_000,
    socket: {
      connectTimeout: timeoutMs,
      // A server that hangs is found out, because a ping every second makes the socket idle never.
      socketTimeout: timeoutMs,
      reconnectStrategy: (retries: number, cause: unknown) =>
        refusalOf(cause) ?? Math.min(delayMsMax, 25 * 2 ** Math.min(retries, 10)) * (0.5 + Math.random() / 2),
    },
  };
}

function isCredentialsError(cause: unknown): cause is Error {
  return (
    cause instanceof Error &&
    /^(WRONGPASS|NOAUTH|NOPERM|ERR (Client sent AUTH|AUTH <password>))/.test(cause.message)
  );
}

function refusedError(error: Error, url: string): PicketError {
  return new PicketError(
    "CREDENTIALS_REFUSED",
    `redis at ${place(url)} refused the credentials: check the user and password`,
    { cause: error },
  );
}

/** Host and port without the password. */
function place(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return "the given url";
  }
}
