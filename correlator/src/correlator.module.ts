import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { Module } from "@nestjs/common";
import type { DynamicModule, Provider } from "@nestjs/common";
import { NatsCheckpointLog } from "./adapters/nats/nats-checkpoint-log.js";
import { NatsFlowHistory } from "./adapters/nats/nats-flow-history.js";
import { NatsFlowSource } from "./adapters/nats/nats-flow-source.js";
import { NatsIncidentStore } from "./adapters/nats/nats-incident-store.js";
import { NatsLink } from "./adapters/nats/nats-link.js";
import { natsSettings } from "./adapters/nats/nats-settings.js";
import { NatsPolicyStore } from "./adapters/nats/nats-policy-store.js";
import { NatsSensorRegistry } from "./adapters/nats/nats-sensor-registry.js";
import { PolicyResponder } from "./adapters/nats/policy-responder.js";
import { StatusListener } from "./adapters/nats/status-listener.js";
import { layoutVersion } from "./adapters/redis/window-log/log-keys.js";
import { RedisConnection } from "./adapters/redis/redis-connection.js";
import { RedisFindingBoard } from "./adapters/redis/redis-finding-board.js";
import { RedisGapLedger } from "./adapters/redis/redis-gap-ledger.js";
import { RedisHostProfileStore } from "./adapters/redis/redis-host-profile-store.js";
import { RedisIncidentState } from "./adapters/redis/redis-incident-state.js";
import { RedisLeases } from "./adapters/redis/redis-leases.js";
import { RedisRebuildLedger } from "./adapters/redis/redis-rebuild-ledger.js";
import { RedisSensorTotals } from "./adapters/redis/redis-sensor-totals.js";
import { RedisSlowState } from "./adapters/redis/redis-slow-state.js";
import { RedisWindowStore } from "./adapters/redis/redis-window-store.js";
import type { CorrelatorConfig } from "./config.js";
import { CorrelatorLoops } from "./correlator-loops.js";
import { Failures } from "./failures.js";
import { LimitedLog } from "./log.js";
import type { Logger } from "./log.js";
import { Correlator } from "./pipeline.js";
import type { CorrelatorPorts } from "./pipeline.js";
import { Checkpoints } from "./rebuild/checkpoints.js";
import type { RebuildLedger } from "./rebuild/rebuild-ledger.js";
import { Rebuilder } from "./rebuild/rebuilder.js";
import type { GapLedger } from "./sensors/gap-ledger.js";
import * as tokens from "./tokens.js";

/** What a correlator process consists of; nothing is started yet. */
@Module({})
export class CorrelatorModule {
  static over(config: CorrelatorConfig, log: Logger): DynamicModule {
    return {
      module: CorrelatorModule,
      providers: [
        { provide: tokens.CONFIG, useValue: config },
        { provide: tokens.LOG, useValue: log },
        { provide: tokens.LIMITED_LOG, useValue: new LimitedLog(log) },
        { provide: tokens.FAILURES, useValue: new Failures() },
        ...servers,
        ...stores,
        correlator,
        checkpoints,
        rebuilder,
        CorrelatorLoops,
      ],
    };
  }
}

const servers: Provider[] = [
  {
    provide: tokens.NATS_LINK,
    inject: [tokens.CONFIG, tokens.LOG],
    useFactory: (config: CorrelatorConfig, log: Logger) =>
      new NatsLink(natsSettings(config), "picket correlator", (isUp, detail) =>
        isUp ? log.info(detail) : log.warn(detail),
      ),
  },
  {
    provide: tokens.REDIS_CONNECTION,
    inject: [tokens.CONFIG, tokens.LIMITED_LOG, tokens.LOG, tokens.FAILURES],
    useFactory: openRedis,
  },
];

const stores: Provider[] = [
  over(tokens.WINDOW_STORE, (redis) => new RedisWindowStore(redis)),
  over(tokens.FINDING_BOARD, (redis) => new RedisFindingBoard(redis)),
  over(tokens.REBUILD_LEDGER, (redis) => new RedisRebuildLedger(redis)),
  over(tokens.GAP_LEDGER, (redis) => new RedisGapLedger(redis)),
  over(tokens.HOST_PROFILE_STORE, (redis) => new RedisHostProfileStore(redis)),
  over(tokens.LEASES, (redis) => new RedisLeases(redis)),
  over(tokens.INCIDENT_STORE, (redis, link) => new NatsIncidentStore(link, new RedisIncidentState(redis))),
  over(
    tokens.SENSOR_REGISTRY,
    (redis, link) =>
      new NatsSensorRegistry(link, new RedisSensorTotals(redis), { ledger: new RedisGapLedger(redis) }),
  ),
  over(tokens.POLICY_RESPONDER, (_redis, link) => new PolicyResponder(link)),
  {
    provide: tokens.POLICY_STORE,
    inject: [tokens.NATS_LINK, tokens.LIMITED_LOG],
    useFactory: (link: NatsLink, log: LimitedLog) =>
      new NatsPolicyStore(link, (error) => log.failure("follow the policy", error)),
  },
  {
    provide: tokens.STATUS_LISTENER,
    inject: [tokens.NATS_LINK, tokens.SENSOR_REGISTRY, tokens.LIMITED_LOG],
    useFactory: (link: NatsLink, sensors: NatsSensorRegistry, log: LimitedLog) =>
      new StatusListener(link, sensors, (error) => log.failure("networks of a sensor", error)),
  },
  {
    provide: tokens.FLOW_SOURCE,
    inject: [tokens.NATS_LINK, tokens.SENSOR_REGISTRY, tokens.LIMITED_LOG],
    useFactory: (link: NatsLink, sensors: NatsSensorRegistry, log: LimitedLog) =>
      new NatsFlowSource(link, {
        accounts: sensors,
        onOverQuota: (names) => sensors.recordOverQuota(names),
        onFailure: (error) => log.failure("read flows", error),
      }),
  },
];

const correlator: Provider = {
  provide: tokens.CORRELATOR,
  inject: [
    tokens.WINDOW_STORE,
    tokens.FINDING_BOARD,
    tokens.LEASES,
    tokens.INCIDENT_STORE,
    tokens.SENSOR_REGISTRY,
    tokens.REBUILD_LEDGER,
    tokens.GAP_LEDGER,
    tokens.HOST_PROFILE_STORE,
  ],
  useFactory: (
    windows: CorrelatorPorts["windows"],
    board: CorrelatorPorts["board"],
    leases: CorrelatorPorts["leases"],
    incidents: CorrelatorPorts["incidents"],
    sensors: CorrelatorPorts["sensors"],
    rebuild: RebuildLedger,
    gaps: GapLedger,
    profiles: RedisHostProfileStore,
  ) =>
    new Correlator(
      { windows, board, leases, incidents, sensors, rebuild, gaps, profiles },
      { owner: `${hostname()}-${process.pid}`, seed: randomBytes(4).readUInt32LE() },
    ),
};

const rebuilder: Provider = {
  provide: tokens.REBUILDER,
  inject: [
    tokens.REBUILD_LEDGER,
    tokens.LEASES,
    tokens.NATS_LINK,
    tokens.CORRELATOR,
    tokens.CHECKPOINTS,
    tokens.LOG,
    tokens.LIMITED_LOG,
  ],
  useFactory: (
    ledger: RebuildLedger,
    leases: CorrelatorPorts["leases"],
    link: NatsLink,
    correlator: Correlator,
    checkpoints: Checkpoints,
    log: Logger,
    limited: LimitedLog,
  ) =>
    new Rebuilder(
      {
        ledger,
        leases,
        checkpoints,
        history: new NatsFlowHistory(link),
        replayer: () => correlator.replayer(),
      },
      {
        newGeneration: () => randomBytes(8).toString("hex"),
        onChange: (line) => log.info(line),
        onFailure: (error) => limited.failure("rebuild the windows", error),
      },
    ),
};

const checkpoints: Provider = {
  provide: tokens.CHECKPOINTS,
  inject: [
    tokens.CONFIG,
    tokens.REBUILD_LEDGER,
    tokens.REDIS_CONNECTION,
    tokens.WINDOW_STORE,
    tokens.NATS_LINK,
  ],
  useFactory: (
    config: CorrelatorConfig,
    ledger: RebuildLedger,
    redis: RedisConnection,
    windows: RedisWindowStore,
    link: NatsLink,
  ) =>
    new Checkpoints(
      {
        ledger,
        history: new NatsFlowHistory(link),
        state: new RedisSlowState(redis, windows),
        log: new NatsCheckpointLog(link),
      },
      {
        everyMs: config.checkpointEveryMinutes * 60_000,
        newId: () => randomBytes(8).toString("hex"),
      },
    ),
};

/** A store over the connections. */
function over(token: symbol, build: (redis: RedisConnection, link: NatsLink) => unknown): Provider {
  return { provide: token, inject: [tokens.REDIS_CONNECTION, tokens.NATS_LINK], useFactory: build };
}

function openRedis(
  config: CorrelatorConfig,
  limited: LimitedLog,
  log: Logger,
  failures: Failures,
): RedisConnection {
  return new RedisConnection({
    url: config.redis,
    layout: Number(layoutVersion),
    onState: (state) => {
      if (state.state === "up") log.info(`connected to redis ${state.version}`);
      else if (state.state === "down") limited.failure("redis", picketDown(state.reason));
      else failures.report(state.error);
    },
  });
}

function picketDown(reason: string): Error {
  return Object.assign(new Error(`redis does not answer: ${reason}`), { name: "PicketError" });
}
