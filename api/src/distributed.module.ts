import { NatsIncidentStore } from "@picket/correlator/adapters/nats/nats-incident-store.js";
import { NatsLink, type NatsSettings } from "@picket/correlator/adapters/nats/nats-link.js";
import { NatsPolicyStore } from "@picket/correlator/adapters/nats/nats-policy-store.js";
import { NatsSensorRegistry } from "@picket/correlator/adapters/nats/nats-sensor-registry.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisIncidentState } from "@picket/correlator/adapters/redis/redis-incident-state.js";
import { RedisSensorTotals } from "@picket/correlator/adapters/redis/redis-sensor-totals.js";
import type { PicketError } from "@picket/proto/picket-error.js";
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
  private refuse: (error: PicketError) => void = () => undefined;

  constructor(config: ApiDaemonConfig, logger: Logger) {
    this.link = new NatsLink(natsSettingsOf(config), "picket-api", (connected, detail) =>
      connected ? logger.info(detail) : logger.warn(detail),
    );
    this.redis = new RedisConnection({
      url: config.redis,
      onState: (state) => {
        if (state.state === "up") logger.info(`connected to redis ${state.version}`);
        else if (state.state === "down") logger.warn(state.reason);
        else this.refuse(state.error);
      },
    });
    const refused = new Promise<PicketError>((resolve) => (this.refuse = resolve));
    this.failed = Promise.race([refused, this.link.failed]);
    this.ports = {
      incidents: new NatsIncidentStore(this.link, new RedisIncidentState(this.redis)),
      policy: new NatsPolicyStore(this.link),
      sensors: new NatsSensorRegistry(this.link, new RedisSensorTotals(this.redis)),
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
