import { NatsIncidentStore } from "@picket/correlator/adapters/nats/nats-incident-store.js";
import { NatsLink, type NatsSettings } from "@picket/correlator/adapters/nats/nats-link.js";
import { NatsPolicyStore } from "@picket/correlator/adapters/nats/nats-policy-store.js";
import { NatsSensorRegistry } from "@picket/correlator/adapters/nats/nats-sensor-registry.js";
import { RedisConnection, type RedisState } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisHostProfileStore } from "@picket/correlator/adapters/redis/redis-host-profile-store.js";
import { RedisIncidentState } from "@picket/correlator/adapters/redis/redis-incident-state.js";
import { RedisSensorTotals } from "@picket/correlator/adapters/redis/redis-sensor-totals.js";
import { PicketError } from "@picket/proto/picket-error.js";
import type { Logger } from "pino";
import type { ApiDaemonConfig } from "./config.js";
import type { ApiPorts } from "./ports.js";

/**
 * The ports over NATS and Redis. Servers that are away are waited for and
 * logged once; `failed` resolves when one refuses for good.
 */
export class DistributedPorts {
  readonly ports: ApiPorts;
  readonly failed: Promise<PicketError>;
  private readonly link: NatsLink;
  private readonly redis: RedisConnection;
  private readonly redisHost: string;
  private refuse: (error: PicketError) => void = () => undefined;
  private redisState = "";

  constructor(config: ApiDaemonConfig, logger: Logger) {
    this.redisHost = hostOf(config.redis);
    this.link = new NatsLink(natsSettingsOf(config), "picket-api", (connected, detail) =>
      connected ? logger.info(detail) : logger.warn(detail),
    );
    this.redis = new RedisConnection({ url: config.redis, onState: (state) => this.onRedis(state, logger) });
    const refused = new Promise<PicketError>((resolve) => (this.refuse = resolve));
    this.failed = Promise.race([refused, this.link.failed]);
    this.ports = {
      incidents: new NatsIncidentStore(this.link, new RedisIncidentState(this.redis)),
      policy: new NatsPolicyStore(this.link),
      sensors: new NatsSensorRegistry(this.link, new RedisSensorTotals(this.redis)),
      profiles: new RedisHostProfileStore(this.redis),
      now: () => Date.now(),
    };
  }

  /** Begins to connect and returns at once. */
  start(): void {
    this.link.start();
    this.redis.start();
  }

  /** Closes in reverse order. */
  async stop(): Promise<void> {
    await Promise.all([this.ports.sensors.close(), this.ports.policy.close(), this.ports.incidents.close()]);
    await this.redis.close();
    await this.link.stop();
  }

  /** Redis tells every attempt; only a change is worth a line. */
  private onRedis(state: RedisState, logger: Logger): void {
    if (state.state === "refused") this.refuse(state.error);
    if (state.state === this.redisState) return;
    this.redisState = state.state;
    if (state.state === "up") logger.info(`connected to redis ${state.version} at ${this.redisHost}`);
    else if (state.state === "down") logger.warn(`redis at ${this.redisHost} is away: ${state.reason}`);
  }
}

/** The host of a URL, for messages: without user and password. */
function hostOf(url: string): string {
  if (URL.canParse(url)) return new URL(url).host;
  throw new PicketError("INVALID_ARGUMENT", "redis: must be a URL like redis://HOST:PORT", {
    field: "redis",
  });
}

function natsSettingsOf(config: ApiDaemonConfig): NatsSettings {
  return {
    urls: config.nats,
    user: config.natsUser || undefined,
    password: config.natsPassword || undefined,
    token: config.natsToken || undefined,
    credentialsFile: config.natsCredentialsFile || undefined,
    nkeyFile: config.natsNkeyFile || undefined,
    tlsCaFile: config.natsTlsCaFile || undefined,
    tlsCertificateFile: config.natsTlsCertificateFile || undefined,
    tlsKeyFile: config.natsTlsKeyFile || undefined,
  };
}
