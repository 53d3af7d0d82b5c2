import { MemoryHostProfileStore } from "@picket/correlator/adapters/memory/memory-host-profile-store.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisFindingBoard } from "@picket/correlator/adapters/redis/redis-finding-board.js";
import { RedisHostProfileStore } from "@picket/correlator/adapters/redis/redis-host-profile-store.js";
import { RedisLeases } from "@picket/correlator/adapters/redis/redis-leases.js";
import { RedisWindowStore } from "@picket/correlator/adapters/redis/redis-window-store.js";
import type { CorrelatorPorts } from "@picket/correlator/pipeline.js";
import { addressKeyOfText } from "@picket/correlator/windows/address-text.js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { connection as flow, scenarioDayMs } from "../golden/profile-run.js";
import { startRedis, type RedisProcess } from "../servers/redis-server.js";
import { scenarioStartMs, spreadFlows, type ScenarioFlow } from "./flow-scenario.js";
import { memoryPorts } from "./memory-ports.js";
import { confirmedTerms, runEngine } from "./run-engine.js";

const days = 8;
const untilMs = scenarioStartMs + days * scenarioDayMs;
const host = "10.9.1.7";
const server = "10.9.0.1";

let redis: RedisProcess;
const connections: RedisConnection[] = [];
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  for (const connection of connections) await connection.close();
  await redis.stop();
});

async function redisPorts(count: number): Promise<CorrelatorPorts[]> {
  const shared = memoryPorts();
  const ports: CorrelatorPorts[] = [];
  for (let index = 0; index < count; index++) {
    const connection = new RedisConnection({ url: redis.url });
    connections.push(connection);
    connection.start();
    await connection.whenUp(10_000);
    ports.push({
      ...shared,
      windows: new RedisWindowStore(connection),
      board: new RedisFindingBoard(connection),
      leases: new RedisLeases(connection),
      profiles: new RedisHostProfileStore(connection),
    });
  }
  return ports;
}

/** Eight days of few habits, on the last of which a host meets thirty others and a server serves one port more. */
function flows(): ScenarioFlow[] {
  const others = Array.from({ length: 30 }, (_, k) => `10.9.2.${k + 1}`);
  const usual = Array.from({ length: days }, (_, day) => [
    flow(day, 600, host, server, 443),
    ...others.slice(0, 12).map((other, k) => flow(day, 300 + k, other, server, 443)),
  ]).flat();
  const spread = others.map((other, k) => flow(days - 1, 700 + k, host, other, 445));
  const service = others.slice(0, 20).map((other, k) => flow(days - 1, 800 + k, other, server, 8080));
  return [...usual, ...spread, ...service];
}

it("confirms the same against profiles in memory and in Redis, of one correlator and of three", async () => {
  const alone = { ...memoryPorts(), profiles: new MemoryHostProfileStore() };
  const once = spreadFlows(flows(), { sensors: 1, seed: 3 });
  const expected = confirmedTerms(await runEngine(alone, once, { correlators: 1, seed: 3, untilMs }));
  expect(expected).toHaveLength(2);
  const ports = await redisPorts(3);
  const split = spreadFlows(flows(), { sensors: 8, seed: 5, isDuplicated: true });
  const options = { correlators: 3, seed: 5, isRedelivered: true, untilMs };
  expect(confirmedTerms(await runEngine(ports, split, options))).toEqual(expected);
  const keys = [host, server, "10.9.2.1"].map((address) => addressKeyOfText(address) ?? "");
  expect(await ports[0].profiles?.read(keys)).toEqual(await alone.profiles.read(keys));
}, 60_000);
