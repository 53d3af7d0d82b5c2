import { MemoryIncidentStore } from "@picket/correlator/adapters/memory/memory-incident-store.js";
import { MemorySensorRegistry } from "@picket/correlator/adapters/memory/memory-sensor-registry.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisFindingBoard } from "@picket/correlator/adapters/redis/redis-finding-board.js";
import { RedisLeases } from "@picket/correlator/adapters/redis/redis-leases.js";
import { RedisWindowStore } from "@picket/correlator/adapters/redis/redis-window-store.js";
import type { CorrelatorPorts } from "@picket/correlator/pipeline.js";
import { afterAll, describe, expect, it } from "vitest";
import { startRedisCluster } from "../servers/redis-cluster.js";
import { startRedis } from "../servers/redis-server.js";
import { scenarioStartMs, spreadFlows, type ScenarioFlow } from "./flow-scenario.js";
import { memoryPorts } from "./memory-ports.js";
import { mixedFlows } from "./mixed-flows.js";
import { randomFlows } from "./random-flows.js";
import { runReplicas } from "./replicas.js";
import { confirmedTerms, runEngine } from "./run-engine.js";

/** The promise is 100 scenarios: PICKET_SEEDS=100. */
const seeds = Number(process.env["PICKET_SEEDS"] ?? "2");
const firstSeed = Number(process.env["PICKET_SEED"] ?? "5000");
const untilMs = scenarioStartMs + 4 * 86_400_000;
const ends: (() => Promise<unknown>)[] = [];
/** Correlators come in through different connections, as other processes would. */
const connectionCount = 3;

afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

/** Ports of new correlators with nothing but memory in common. */
type NewPorts = () => CorrelatorPorts;

const stores: Readonly<Record<string, () => Promise<() => Promise<NewPorts>>>> = {
  memory: () => Promise.resolve(inMemory),
  redis: async () => {
    const redis = await startRedis();
    ends.push(() => redis.stop());
    return await inRedis([redis.url]);
  },
  "redis cluster": async () => {
    const cluster = await startRedisCluster();
    ends.push(() => cluster.stop());
    return await inRedis(cluster.urls);
  },
};

function inMemory(): Promise<NewPorts> {
  const ports = memoryPorts();
  return Promise.resolve(() => ports);
}

async function inRedis(urls: readonly string[]): Promise<() => Promise<NewPorts>> {
  const connections = Array.from(
    { length: connectionCount },
    (_, index) => new RedisConnection({ url: urls[index % urls.length] }),
  );
  for (const connection of connections) {
    connection.start();
    ends.push(() => connection.close());
    await connection.whenUp(10_000);
  }
  return async () => {
    for (const connection of connections) await connection.whenUp(10_000);
    await connections[0].command(["FLUSHALL"]);
    const shared = { incidents: new MemoryIncidentStore(), sensors: new MemorySensorRegistry() };
    let turn = 0;
    return () => {
      const connection = connections[turn++ % connectionCount];
      return {
        ...shared,
        windows: new RedisWindowStore(connection),
        board: new RedisFindingBoard(connection),
        leases: new RedisLeases(connection),
      };
    };
  };
}

/** Planned attacks among ordinary traffic, and in most scenarios flows without any plan. */
function flowsOf(seed: number): ScenarioFlow[] {
  return seed % 4 === 0 ? mixedFlows(seed) : randomFlows(seed);
}

describe.each(Object.keys(stores))("confirmed incidents with the windows in %s", (store) => {
  it(
    `are the same with 1, 2 and 4 correlators that come and go (${seeds} seeds from ${firstSeed})`,
    async () => {
      const empty = await stores[store]();
      let [found, dropped] = [0, 0];
      for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
        const flows = flowsOf(seed);
        const alone = spreadFlows(flows, { sensors: 1, seed });
        const expected = confirmedTerms(
          await runEngine(memoryPorts(), alone, { correlators: 1, seed, untilMs }),
        );
        for (const correlators of [1, 2, 4]) {
          const split = spreadFlows(flows, {
            sensors: 1 + 2 * correlators,
            seed: seed * 31 + correlators,
            isDuplicated: true,
            recordsPerBatch: 23,
          });
          const result = await runReplicas(await empty(), split, { correlators, seed, untilMs });
          expect(confirmedTerms(result.incidents), `seed ${seed}, ${correlators} correlators`).toEqual(
            expected,
          );
          expect(Math.min(result.joined, result.dropped), `seed ${seed}`).toBeGreaterThan(0);
          dropped += result.dropped;
        }
        found += expected.length;
      }
      expect(found).toBeGreaterThanOrEqual(seeds);
      expect(dropped).toBeGreaterThanOrEqual(3 * seeds);
    },
    60_000 + seeds * 30_000,
  );
});
