import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisWindowStore } from "@picket/correlator/adapters/redis/redis-window-store.js";
import type { WindowLimits, WindowStore } from "@picket/correlator/windows/window-store.js";
import { afterAll, beforeAll } from "vitest";
import { startRedisCluster } from "../servers/redis-cluster.js";
import type { RedisCluster } from "../servers/redis-cluster.js";
import { factWindowsConformance } from "./fact-windows.js";
import { silenceConformance } from "./silences.js";
import { windowStoreConformance, type WindowStoreSubject } from "./window-store.js";

let cluster: RedisCluster;
let connections: RedisConnection[] = [];
beforeAll(async () => {
  cluster = await startRedisCluster();
  // Each comes in through another server.
  connections = cluster.urls.slice(0, 2).map((url) => new RedisConnection({ url }));
  for (const connection of connections) {
    connection.start();
    await connection.whenUp(10_000);
  }
}, 60_000);
afterAll(async () => {
  for (const connection of connections) await connection.close();
  await cluster.stop();
});

const inCluster = (): WindowStoreSubject => ({
  runs: 20,
  open: async (count: number, limits?: WindowLimits): Promise<WindowStore[]> => {
    // A busy event loop may have lost them.
    for (const connection of connections) await connection.whenUp(10_000);
    await connections[0].command(["FLUSHALL"]);
    return connections.slice(0, count).map((connection) => new RedisWindowStore(connection, limits));
  },
});
windowStoreConformance("redis cluster", inCluster);
factWindowsConformance("redis cluster", inCluster);
silenceConformance("redis cluster", inCluster);
