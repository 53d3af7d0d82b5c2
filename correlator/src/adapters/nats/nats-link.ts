import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { connect, credsAuthenticator, nkeyAuthenticator } from "@nats-io/transport-node";
import type { Authenticator, NatsConnection, NodeConnectionOptions } from "@nats-io/transport-node";
import { PicketError } from "@picket/proto/picket-error.js";
import { deferred } from "./deferred.js";
import { checkServerVersion } from "./ensure-streams.js";
import { isRefused, natsFailure } from "./nats-failure.js";

/** Where NATS is and how to log in; files are paths. */
export interface NatsSettings {
  readonly urls: readonly string[];
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  readonly credentialsFile?: string;
  readonly nkeyFile?: string;
  readonly tlsCaFile?: string;
  readonly tlsCertificateFile?: string;
  readonly tlsKeyFile?: string;
}

const firstRetryMs = 250;
const lastRetryMs = 5000;

/**
 * One connection to NATS that is made in the background and kept for ever: a
 * server that is absent, at start or later, is waited for. Only refused
 * credentials and a server too old end it (`failed`).
 */
export class NatsLink {
  readonly #settings: NatsSettings;
  readonly #name: string;
  readonly #onState: (connected: boolean, detail: string) => void;
  readonly #stop = new AbortController();
  readonly #ready = deferred<NatsConnection>();
  readonly #failed = deferred<PicketError>();
  readonly #listeners = new Set<() => void>();
  #connection: NatsConnection | undefined;
  #isConnected = false;
  #running: Promise<void> | undefined;

  /** @param onState told of each change only, with one line about it. */
  constructor(
    settings: NatsSettings,
    name: string,
    onState: (connected: boolean, detail: string) => void = () => {},
  ) {
    this.#settings = settings;
    this.#name = name;
    this.#onState = onState;
    this.#ready.promise.catch(() => {});
  }

  /** Begins to connect; does not wait. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when the link cannot work: CREDENTIALS_REFUSED, SERVER_TOO_OLD or FILE_UNREADABLE. */
  get failed(): Promise<PicketError> {
    return this.#failed.promise;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** The connection once it was made for the first time; rejects with what `failed` resolves to, or when stopped. */
  ready(): Promise<NatsConnection> {
    return this.#ready.promise;
  }

  /** The connection while it stands; throws PicketError SERVER_UNREACHABLE at once when it does not. */
  current(): NatsConnection {
    if (this.#connection === undefined || !this.#isConnected)
      throw new PicketError(
        "SERVER_UNREACHABLE",
        `nats does not answer at ${this.#settings.urls.join(", ")}`,
      );
    return this.#connection;
  }

  /** Calls back after every reconnect; the result ends that. */
  onConnected(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#connection?.close();
    await this.#running;
    this.#ready.reject(new PicketError("SERVER_UNREACHABLE", "the connection to nats was closed"));
  }

  async #run(): Promise<void> {
    try {
      const connection = await this.#connectUntilDone();
      if (connection === undefined) return;
      if (this.#stop.signal.aborted) return await connection.close();
      this.#connection = connection;
      checkServerVersion(connection);
      this.#adopt(connection);
      const status = this.#followStatus(connection);
      const reason = await connection.closed();
      await status;
      this.#isConnected = false;
      if (!this.#stop.signal.aborted)
        this.#fail(natsFailure(reason ?? new Error("closed"), "stay connected"));
    } catch (error) {
      await this.#connection?.close();
      this.#fail(natsFailure(error, "connect"));
    }
  }

  async #connectUntilDone(): Promise<NatsConnection | undefined> {
    const options = await connectionOptions(this.#settings, this.#name);
    for (let waitMs = firstRetryMs; !this.#stop.signal.aborted; waitMs = Math.min(2 * waitMs, lastRetryMs)) {
      try {
        return await connect(options);
      } catch (error) {
        if (isRefused(error)) throw error;
        if (waitMs === firstRetryMs)
          this.#onState(false, natsFailure(error, `connect to ${this.#settings.urls}`).message);
        await delay(waitMs, undefined, { signal: this.#stop.signal }).catch(() => {});
      }
    }
    return undefined;
  }

  #adopt(connection: NatsConnection): void {
    this.#isConnected = true;
    this.#onState(true, `connected to nats at ${connection.getServer()}`);
    this.#ready.resolve(connection);
  }

  async #followStatus(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === "disconnect") this.#setConnected(false, `lost nats at ${status.server}`);
      if (status.type === "reconnect")
        this.#setConnected(true, `connected to nats at ${status.server} again`);
    }
  }

  #setConnected(connected: boolean, detail: string): void {
    if (this.#stop.signal.aborted || this.#isConnected === connected) return;
    this.#isConnected = connected;
    this.#onState(connected, detail);
    if (connected) for (const listener of this.#listeners) listener();
  }

  #fail(error: PicketError): void {
    this.#isConnected = false;
    this.#ready.reject(error);
    this.#failed.resolve(error);
  }
}

async function connectionOptions(settings: NatsSettings, name: string): Promise<NodeConnectionOptions> {
  const tls =
    settings.tlsCaFile === undefined && settings.tlsCertificateFile === undefined
      ? undefined
      : { caFile: settings.tlsCaFile, certFile: settings.tlsCertificateFile, keyFile: settings.tlsKeyFile };
  return {
    servers: [...settings.urls],
    name,
    user: settings.user,
    pass: settings.password,
    token: settings.token,
    tls,
    authenticator: await authenticatorOf(settings),
    timeout: 5000,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    reconnectJitter: 500,
    pingInterval: 10_000,
  };
}

async function authenticatorOf(settings: NatsSettings): Promise<Authenticator | undefined> {
  if (settings.credentialsFile !== undefined)
    return credsAuthenticator(await readSecret(settings.credentialsFile));
  if (settings.nkeyFile !== undefined) return nkeyAuthenticator(await readSecret(settings.nkeyFile));
  return undefined;
}

async function readSecret(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new PicketError("FILE_UNREADABLE", `cannot read the credentials in ${path}`, { cause: error });
  }
}
