import { MemoryWindowStore } from "@picket/correlator/adapters/memory/memory-window-store.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisWindowStore } from "@picket/correlator/adapters/redis/redis-window-store.js";
import type { WindowLimits, WindowStore } from "@picket/correlator/windows/window-store.js";
import { createClient } from "redis";
import { afterAll, beforeAll } from "vitest";
import { startRedis, type RedisProcess } from "../servers/redis-server.js";
import { windowStoreConformance, type WindowStoreSubject } from "./window-store.js";

windowStoreConformance("memory", () => ({
  runs: 100,
  open: (count, limits) => Promise.resolve(Array<WindowStore>(count).fill(new MemoryWindowStore(limits))),
}));

let redis: RedisProcess;
let subject: RedisSubject;
beforeAll(async () => {
  redis = await startRedis();
  subject = new RedisSubject(redis.url);
});
afterAll(async () => {
  await subject.close();
  await redis.stop();
});
windowStoreConformance("redis", () => subject);

class RedisSubject implements WindowStoreSubject {
  readonly runs = 60;
  private readonly connections: RedisConnection[] = [];
  constructor(private readonly url: string) {}

  async open(count: number, limits?: WindowLimits): Promise<WindowStore[]> {
    await this.close();
    const client = await createClient({ url: this.url }).connect();
    await client.flushAll();
    client.destroy();
    for (let i = 0; i < count; i++) {
      const connection = new RedisConnection({ url: this.url });
      this.connections.push(connection);
      connection.start();
      await connection.whenUp(5_000);
    }
    return this.connections.map((connection) => new RedisWindowStore(connection, limits));
  }

  async close(): Promise<void> {
    for (const connection of this.connections.splice(0)) await connection.close();
  }
}
