import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisWindowStore } from "@picket/correlator/adapters/redis/redis-window-store.js";
import type { WindowLimits, WindowStore } from "@picket/correlator/windows/window-store.js";
import { afterAll, beforeAll } from "vitest";
import { startRedis, type RedisProcess } from "../servers/redis-server.js";
import { factWindowsConformance } from "./fact-windows.js";
import { silenceConformance } from "./silences.js";
import { windowStoreConformance, type WindowStoreSubject } from "./window-store.js";

let redis: RedisProcess;
let connections: RedisConnection[] = [];
beforeAll(async () => {
  redis = await startRedis();
  connections = [new RedisConnection({ url: redis.url }), new RedisConnection({ url: redis.url })];
  for (const connection of connections) {
    connection.start();
    await connection.whenUp(5_000);
  }
});
afterAll(async () => {
  for (const connection of connections) await connection.close();
  await redis.stop();
});

/** The connections stay, so each test also finds that everything it knew is gone. */
const inRedis = (): WindowStoreSubject => ({
  runs: 40,
  open: async (count: number, limits?: WindowLimits): Promise<WindowStore[]> => {
    // A busy event loop may have lost them.
    for (const connection of connections) await connection.whenUp(10_000);
    await connections[0].command(["FLUSHALL"]);
    return connections.slice(0, count).map((connection) => new RedisWindowStore(connection, limits));
  },
});
windowStoreConformance("redis", inRedis);
factWindowsConformance("redis", inRedis);
silenceConformance("redis", inRedis);
