import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { NatsSensorRegistry } from "@picket/correlator/adapters/nats/nats-sensor-registry.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisSensorTotals } from "@picket/correlator/adapters/redis/redis-sensor-totals.js";
import { startNats } from "../servers/nats-server.js";
import { startNatsCluster } from "../servers/nats-cluster.js";
import type { NatsCluster } from "../servers/nats-cluster.js";
import type { NatsProcess } from "../servers/nats-server.js";
import { startRedis } from "../servers/redis-server.js";
import { startRedisCluster } from "../servers/redis-cluster.js";
import type { RedisCluster } from "../servers/redis-cluster.js";
import type { RedisProcess } from "../servers/redis-server.js";
import { untilReady } from "../servers/until-ready.js";
import { CorrelatorProcess } from "./correlator-process.js";
import { ExportingSensorProcess } from "./exporting-sensor-process.js";
import { TcpFaultProxy } from "./tcp-fault-proxy.js";

/** What runs together. */
export interface FleetSettings {
  readonly seed: number;
  readonly sensors: number;
  readonly correlators: number;
  /** Of each sensor. */
  readonly recordsPerSecond: number;
  readonly recordsPerBatch: number;
  readonly spoolBytesMax: number;
  /** How long a sensor waits for an acknowledgement before it sends again. */
  readonly publishTimeoutMs: number;
  readonly flowsBytesMax: number;
  /** Servers of NATS: 1, or a cluster whose streams have 3 replicas. */
  readonly natsNodes: 1 | 3;
  /** Shards of Redis: 1 server, or a cluster of 3 with a replica each. */
  readonly redisShards: 1 | 3;
}

export const fleetDefaults: FleetSettings = {
  seed: 1,
  sensors: 2,
  correlators: 2,
  recordsPerSecond: 1000,
  recordsPerBatch: 200,
  spoolBytesMax: 256 << 20,
  publishTimeoutMs: 1000,
  flowsBytesMax: 512 << 20,
  natsNodes: 1,
  redisShards: 1,
};

/** Where every record of a sensor is: emitted = applied + lost when all is well and nothing is on its way. */
export interface SensorAccount {
  readonly name: string;
  /** Given to the exporter since its process started. */
  readonly emitted: number;
  /** Counted by the correlators. */
  readonly applied: number;
  /** Counted in gap records. */
  readonly lost: number;
}

/** A whole deployment on loopback, every part a process of its own: servers, correlators, sensors. */
export interface FleetUnderTest {
  /** The first of its servers. */
  readonly nats: NatsProcess;
  readonly natsNodes: readonly NatsProcess[];
  /** Only of several servers. */
  readonly natsCluster: NatsCluster | undefined;
  /** The first of its servers. */
  readonly redis: RedisProcess;
  /** Only of several shards. */
  readonly redisCluster: RedisCluster | undefined;
  /** What the sensors connect through, to the first server; to the other ones they go straight. */
  readonly link: TcpFaultProxy;
  readonly correlators: readonly CorrelatorProcess[];
  readonly sensors: readonly ExportingSensorProcess[];
  accounts(): Promise<SensorAccount[]>;
  /** Keys in Redis. */
  redisKeys(): Promise<number>;
  /**
   * Ends the feeds and resolves to the accounts when nothing moves any more:
   * no batch in flight, none pending at the consumer, totals at rest. Throws
   * when that is not so within the time.
   */
  settle(withinMs: number): Promise<SensorAccount[]>;
  stop(): Promise<void>;
}

const restMs = 2500;

/** Starts everything; what was started is stopped again when something fails. */
export async function startFleet(given: Partial<FleetSettings> = {}): Promise<FleetUnderTest> {
  const settings = { ...fleetDefaults, ...given };
  const ends: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    return await start(settings, ends, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  settings: FleetSettings,
  ends: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<FleetUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), "picket-fleet-"));
  ends.push(() => Promise.resolve(rmSync(folder, { recursive: true, force: true })));
  const natsCluster = settings.natsNodes === 1 ? undefined : await startNatsCluster();
  const natsNodes = natsCluster?.nodes ?? [await startNats()];
  for (const node of natsNodes) ends.push(() => node.stop());
  const [nats, ...otherNats] = natsNodes;
  const urls = natsNodes.map(({ url }) => url);
  const redisCluster = settings.redisShards === 1 ? undefined : await startRedisCluster();
  const redisNodes = redisCluster?.nodes ?? [await startRedis()];
  for (const node of redisNodes) ends.push(() => node.stop());
  const [redis] = redisNodes;
  const link = await TcpFaultProxy.start(nats.port);
  ends.push(() => link.stop());
  const correlators: CorrelatorProcess[] = [];
  for (let index = 0; index < settings.correlators; index++) {
    const { flowsBytesMax } = settings;
    const correlator = new CorrelatorProcess({
      nats: urls,
      redis: redis.url,
      flowsBytesMax,
      streamReplicas: settings.natsNodes,
    });
    ends.push(() => correlator.stop());
    await correlator.start();
    correlators.push(correlator);
  }
  const books = await openBooks(urls, redis);
  ends.push(() => books.close());
  const sensors = Array.from(
    { length: settings.sensors },
    (_, index) =>
      new ExportingSensorProcess({
        ...settings,
        index,
        nats: [`nats://127.0.0.1:${link.port}`, ...otherNats.map(({ url }) => url)],
        spoolFolder: join(folder, `spool-${index}`),
      }),
  );
  for (const sensor of sensors) ends.push(() => sensor.stop());
  await Promise.all(sensors.map((sensor) => sensor.start()));
  const accounts = (): Promise<SensorAccount[]> => books.accounts(sensors);
  const settle = (withinMs: number): Promise<SensorAccount[]> => settled(sensors, books, withinMs);
  return {
    nats,
    natsNodes,
    natsCluster,
    redis,
    redisCluster,
    link,
    correlators,
    sensors,
    accounts,
    redisKeys: () => books.redisKeys(),
    settle,
    stop,
  };
}

type Books = Awaited<ReturnType<typeof openBooks>>;

/** The registry as the api reads it. */
async function openBooks(urls: readonly string[], redis: RedisProcess) {
  const link = new NatsLink({ urls }, "accounts");
  link.start();
  await link.ready();
  const connection = new RedisConnection({ url: redis.url });
  connection.start();
  await connection.whenUp(5000);
  const registry = new NatsSensorRegistry(link, new RedisSensorTotals(connection));
  return {
    accounts: async (sensors: readonly ExportingSensorProcess[]): Promise<SensorAccount[]> => {
      const records = await registry.list(Date.now());
      return sensors.map(({ name, report }) => {
        const record = records.find((each) => each.name === name);
        const { appliedRecords: applied = 0, lostRecords: lost = 0 } = record ?? {};
        return { name, emitted: report?.recordsEmitted ?? 0, applied, lost };
      });
    },
    redisKeys: async () => Number(await connection.command(["DBSIZE"])),
    /** Messages the correlators have not acknowledged; undefined when nobody can say. */
    pending: async (): Promise<number | undefined> => {
      try {
        const manager = await jetstreamManager(link.current(), { timeout: 2000 });
        const info = await manager.consumers.info("FLOWS", "correlators");
        return info.num_pending + info.num_ack_pending;
      } catch {
        return undefined;
      }
    },
    close: async () => {
      await registry.close();
      await connection.close();
      await link.stop();
    },
  };
}

async function settled(
  sensors: readonly ExportingSensorProcess[],
  books: Books,
  withinMs: number,
): Promise<SensorAccount[]> {
  for (const sensor of sensors) await sensor.endFeed();
  let last = "";
  let sinceMs = performance.now();
  let accounts: SensorAccount[] = [];
  const isAtRest = async (): Promise<boolean> => {
    accounts = await books.accounts(sensors);
    const isIdle = sensors.every(({ report }) => report?.inFlight === 0 && report.fault === undefined);
    const now = JSON.stringify([accounts, isIdle, await books.pending()]);
    if (now !== last || !isIdle || (await books.pending()) !== 0) sinceMs = performance.now();
    last = now;
    return performance.now() - sinceMs >= restMs;
  };
  await untilReady("every record is accounted for", withinMs, isAtRest).catch((error: Error) => {
    throw new Error(`${error.message}: ${last}`, { cause: error });
  });
  return accounts;
}
