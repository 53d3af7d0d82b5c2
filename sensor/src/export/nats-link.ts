import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import {
  connect,
  credsAuthenticator,
  errors,
  nkeyAuthenticator,
  type Authenticator,
  type NatsConnection,
  type NodeConnectionOptions,
} from "@nats-io/transport-node";
import { PicketError } from "@picket/proto/picket-error.js";
import type { SensorConfig } from "../config.js";

/** What happens to the connection; each is told once a change. */
export interface NatsLinkEvents {
  /** The first time and after every reconnect. */
  onUp(connection: NatsConnection, isFirst: boolean): void;
  onDown(reason: string): void;
  /** The account may not use a subject. */
  onDenied?(reason: string): void;
  /** No retry helps: PicketError CREDENTIALS_REFUSED or SERVER_TOO_OLD. */
  onFatal(error: PicketError): void;
}

const firstRetryMs = 250;
const lastRetryMs = 5000;
const versionMin = [2, 9] as const;

/**
 * The sensor's one connection to NATS. A server that is absent, at the start or
 * later, is waited for.
 */
export class NatsLink {
  readonly #options: NodeConnectionOptions;
  readonly #stopping = new AbortController();
  #connection: NatsConnection | undefined;
  #running: Promise<void> | undefined;

  /** Throws PicketError FILE_UNREADABLE for a credentials or TLS file. */
  constructor(
    config: SensorConfig,
    private readonly events: NatsLinkEvents,
  ) {
    this.#options = connectionOptions(config);
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#connection?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      const connection = await this.#connect();
      if (connection === undefined) return;
      this.#connection = connection;
      requireVersion(connection);
      this.events.onUp(connection, true);
      await Promise.all([
        this.#follow(connection),
        connection.closed().then((reason) => this.#onClosed(reason)),
      ]);
    } catch (error) {
      await this.#connection?.close();
      this.events.onFatal(fatalOf(error));
    }
  }

  async #connect(): Promise<NatsConnection | undefined> {
    const { signal } = this.#stopping;
    for (let waitMs = firstRetryMs; !signal.aborted; waitMs = Math.min(waitMs * 2, lastRetryMs)) {
      try {
        const connection = await connect(this.#options);
        if (!signal.aborted) return connection;
        await connection.close();
      } catch (error) {
        if (isRefused(error)) throw error;
        this.events.onDown(`nats does not answer: ${messageOf(error)}`);
        await delay(waitMs * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => {});
      }
    }
    return undefined;
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (this.#stopping.signal.aborted) continue;
      if (status.type === "disconnect") this.events.onDown(`lost the connection to nats at ${status.server}`);
      if (status.type === "error" && status.error instanceof errors.PermissionViolationError) {
        this.events.onDenied?.(`nats denies the ${status.error.operation} of ${status.error.subject}`);
      }
      if (status.type !== "reconnect") continue;
      requireVersion(connection);
      this.events.onUp(connection, false);
    }
  }

  /** The client gives up only when its credentials are refused. */
  #onClosed(reason: unknown): void {
    if (this.#stopping.signal.aborted) return;
    throw reason instanceof Error ? reason : new Error("the connection to nats was closed");
  }
}

function connectionOptions(config: SensorConfig): NodeConnectionOptions {
  const { natsTlsCaFile, natsTlsCertificateFile, natsTlsKeyFile } = config;
  const isTls = natsTlsCaFile !== "" || natsTlsCertificateFile !== "";
  return {
    servers: config.nats,
    name: `picket sensor ${config.name}`,
    ...(config.natsUser === "" ? {} : { user: config.natsUser, pass: config.natsPassword }),
    ...(config.natsToken === "" ? {} : { token: config.natsToken }),
    ...(isTls ? { tls: tlsOptions(natsTlsCaFile, natsTlsCertificateFile, natsTlsKeyFile) } : {}),
    authenticator: authenticatorOf(config),
    inboxPrefix: inboxPrefixOf(config),
    timeout: 5000,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    reconnectJitter: 500,
    pingInterval: 10_000,
  };
}

/** Answers arrive under a subject of this sensor alone, so that no other may read them. */
export function inboxPrefixOf(config: SensorConfig): string {
  return config.natsInboxPrefix === "" ? `_INBOX_${config.name}` : config.natsInboxPrefix;
}

function tlsOptions(ca: string, certificate: string, key: string): NodeConnectionOptions["tls"] {
  return {
    ...(ca === "" ? {} : { ca: readSecret(ca).toString("utf8") }),
    ...(certificate === "" ? {} : { cert: readSecret(certificate).toString("utf8") }),
    ...(key === "" ? {} : { key: readSecret(key).toString("utf8") }),
  };
}

function authenticatorOf(config: SensorConfig): Authenticator | undefined {
  if (config.natsCredentialsFile !== "") return credsAuthenticator(readSecret(config.natsCredentialsFile));
  if (config.natsNkeyFile !== "") {
    return nkeyAuthenticator(Buffer.from(readSecret(config.natsNkeyFile).toString("utf8").trim()));
  }
  return undefined;
}

function readSecret(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new PicketError("FILE_UNREADABLE", `cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
}

function requireVersion(connection: NatsConnection): void {
  const version = connection.info?.version ?? "0";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > versionMin[0] || (major === versionMin[0] && minor >= versionMin[1])) return;
  throw new PicketError("SERVER_TOO_OLD", `nats-server ${version} is too old: 2.9 or later is needed`);
}

function isRefused(error: unknown): boolean {
  return (
    error instanceof errors.AuthorizationError ||
    error instanceof errors.UserAuthenticationExpiredError ||
    (error instanceof Error && isRefused(error.cause))
  );
}

function fatalOf(error: unknown): PicketError {
  if (error instanceof PicketError) return error;
  if (isRefused(error)) {
    return new PicketError(
      "CREDENTIALS_REFUSED",
      `nats refused the sensor's credentials: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
  return new PicketError("SERVER_UNREACHABLE", `nats: ${messageOf(error)}`, { cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
