import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MemoryIncidentStore } from "@picket/correlator/adapters/memory/memory-incident-store.js";
import { MemorySensorRegistry } from "@picket/correlator/adapters/memory/memory-sensor-registry.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisFindingBoard } from "@picket/correlator/adapters/redis/redis-finding-board.js";
import { RedisLeases } from "@picket/correlator/adapters/redis/redis-leases.js";
import { RedisWindowStore } from "@picket/correlator/adapters/redis/redis-window-store.js";
import type { CorrelatorPorts } from "@picket/correlator/pipeline.js";
import { startRedis, type RedisProcess } from "../servers/redis-server.js";
import { scenarioStartMs, spreadFlows } from "./flow-scenario.js";
import { memoryPorts } from "./memory-ports.js";
import { mixedFlows } from "./mixed-flows.js";
import { randomFlows } from "./random-flows.js";
import { confirmedTerms, runEngine } from "./run-engine.js";

const untilMs = scenarioStartMs + 3_600_000;

describe("confirmed incidents with the windows in Redis", () => {
  let redis: RedisProcess;
  const connections: RedisConnection[] = [];

  beforeAll(async () => {
    redis = await startRedis();
  });

  afterAll(async () => {
    for (const connection of connections) await connection.close();
    await redis.stop();
  });

  /** Ports of correlators that share nothing but Redis and the incident log. */
  async function redisPorts(count: number): Promise<CorrelatorPorts[]> {
    const incidents = new MemoryIncidentStore();
    const sensors = new MemorySensorRegistry();
    const ports: CorrelatorPorts[] = [];
    for (let index = 0; index < count; index++) {
      const connection = new RedisConnection({ url: redis.url });
      connections.push(connection);
      connection.start();
      await connection.whenUp(10_000);
      if (index === 0) await connection.command(["FLUSHALL"]);
      ports.push({
        windows: new RedisWindowStore(connection),
        board: new RedisFindingBoard(connection),
        leases: new RedisLeases(connection),
        incidents,
        sensors,
      });
    }
    return ports;
  }

  for (const [seed, sensors, correlators] of [
    [21, 1, 1],
    [22, 3, 4],
    [23, 8, 1],
    [24, 8, 4],
  ] as const)
    it(`are those of memory, ${sensors} sensors and ${correlators} correlators (seed ${seed})`, async () => {
      const flows = mixedFlows(seed);
      const alone = spreadFlows(flows, { sensors: 1, seed });
      const expected = confirmedTerms(
        await runEngine(memoryPorts(), alone, { correlators: 1, seed, untilMs }),
      );
      const split = spreadFlows(flows, { sensors, seed: seed * 31, isDuplicated: true });
      const options = { correlators, seed: seed + 7, isRedelivered: true, untilMs };
      const found = confirmedTerms(await runEngine(await redisPorts(correlators), split, options));
      expect(found).toEqual(expected);
    }, 180_000);

  it("are those of memory for random flows", async () => {
    let compared = 0;
    for (let seed = 2000; seed < 2010; seed++) {
      const flows = randomFlows(seed);
      const times = flows.map(({ timeMs }) => timeMs);
      const randomUntilMs = Math.max(...times) + 1_200_000;
      const alone = spreadFlows(flows, { sensors: 1, seed });
      const options = { correlators: 4, seed, isRedelivered: true, untilMs: randomUntilMs };
      const expected = await runEngine(memoryPorts(), alone, { ...options, correlators: 1 });
      const split = spreadFlows(flows, { sensors: 8, seed, isDuplicated: true, recordsPerBatch: 17 });
      const found = await runEngine(await redisPorts(4), split, options);
      expect(confirmedTerms(found), `seed ${seed}`).toEqual(confirmedTerms(expected));
      compared++;
    }
    expect(compared).toBe(10);
  }, 300_000);
});
