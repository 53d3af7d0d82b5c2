import { MemoryFindingBoard } from "@picket/correlator/adapters/memory/memory-finding-board.js";
import { MemoryLeases } from "@picket/correlator/adapters/memory/memory-leases.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisFindingBoard } from "@picket/correlator/adapters/redis/redis-finding-board.js";
import { RedisLeases } from "@picket/correlator/adapters/redis/redis-leases.js";
import { afterAll, beforeAll } from "vitest";
import { startRedis, type RedisProcess } from "../servers/redis-server.js";
import { findingBoardConformance } from "./finding-board.js";
import { leasesConformance } from "./leases.js";

let redis: RedisProcess;
let connections: RedisConnection[] = [];
beforeAll(async () => {
  redis = await startRedis();
  connections = Array.from({ length: 3 }, () => new RedisConnection({ url: redis.url }));
  for (const connection of connections) {
    connection.start();
    await connection.whenUp(5_000);
  }
});
afterAll(async () => {
  for (const connection of connections) await connection.close();
  await redis.stop();
});

function shared<T>(count: number, one: T): Promise<T[]> {
  return Promise.resolve(Array.from({ length: count }, () => one));
}

leasesConformance("memory", (count) => shared(count, new MemoryLeases()));
findingBoardConformance("memory", (count, entriesMax) => shared(count, new MemoryFindingBoard(entriesMax)));

leasesConformance("redis", async (count) => {
  await connections[0].command(["FLUSHALL"]);
  return connections.slice(0, count).map((connection) => new RedisLeases(connection));
});
findingBoardConformance("redis", async (count, entriesMax) => {
  await connections[0].command(["FLUSHALL"]);
  return connections.slice(0, count).map((connection) => new RedisFindingBoard(connection, entriesMax));
});
