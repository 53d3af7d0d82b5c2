import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisHostProfileStore } from "@picket/correlator/adapters/redis/redis-host-profile-store.js";
import { addressKeyOfText } from "@picket/correlator/windows/address-text.js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startRedis, type RedisProcess } from "../servers/redis-server.js";
import { hostProfilesConformance, memoryProfiles } from "./host-profiles.js";

let redis: RedisProcess;
let connection: RedisConnection;
beforeAll(async () => {
  redis = await startRedis();
  connection = new RedisConnection({ url: redis.url });
  connection.start();
  await connection.whenUp(5_000);
});
afterAll(async () => {
  await connection.close();
  await redis.stop();
});

hostProfilesConformance("memory", memoryProfiles);
hostProfilesConformance("redis", async () => {
  await connection.command(["FLUSHALL"]);
  return new RedisHostProfileStore(connection);
});

it("a profile in redis ends 30 days after it was written, and one of another layout is unknown", async () => {
  await connection.command(["FLUSHALL"]);
  const store = new RedisHostProfileStore(connection);
  const key = "picket:profile:{10.0.0.7}";
  const current = {
    firstDay: 1,
    lastDay: 1,
    days: 1,
    weight: 1,
    peersPerDay: 0,
    sentBytesPerDay: 0,
    receivedBytesPerDay: 0,
    hours: [],
    services: [],
    uses: [],
    peers: [],
  };
  const address = addressKeyOfText("10.0.0.7") ?? "";
  await store.write(new Map([[address, { current }]]));
  expect(Number(await connection.command(["TTL", key]))).toBeGreaterThan(29 * 86_400);
  expect(await store.read([address])).toEqual([{ current }]);
  await connection.command(["SET", key, '[99,"of another version"]']);
  expect(await store.read([address])).toEqual([undefined]);
});
