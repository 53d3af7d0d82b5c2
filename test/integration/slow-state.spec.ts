import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisSlowState } from "@picket/correlator/adapters/redis/redis-slow-state.js";
import { RedisWindowStore } from "@picket/correlator/adapters/redis/redis-window-store.js";
import { pieceBytesMax } from "@picket/correlator/rebuild/checkpoint.js";
import {
  contactSliceMs,
  crowdBit,
  dayMs,
  type CrowdKey,
  type Observations,
  partitionCount,
} from "@picket/correlator/windows/window-store.js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { contact, destinations, only, sourceNumber } from "../conformance/window-observations.js";
import { startRedis, type RedisProcess } from "../servers/redis-server.js";

const nowMs = Date.now();
const today = Math.floor(nowMs / dayMs);
const sources = 3_000;

let redis: RedisProcess;
let connection: RedisConnection;
let store: RedisWindowStore;
let slowState: RedisSlowState;

beforeAll(async () => {
  redis = await startRedis();
  connection = new RedisConnection({ url: redis.url });
  connection.start();
  await connection.whenUp(5000);
  store = new RedisWindowStore(connection);
  slowState = new RedisSlowState(connection, store);
});

afterAll(async () => {
  await connection.close();
  await redis.stop();
});

/** Sources with one contact and with many, on two days, seen by several sensors; a crowd two hours ago. */
function observations(): Observations {
  const failed = Array.from({ length: sources }, (_, index) =>
    Array.from({ length: 1 + (index % 3) }, (_, port) =>
      contact({
        source: sourceNumber(index),
        port,
        timeMs: (today - (index & 1)) * dayMs + index,
        sensor: 1 + (index % 7),
      }),
    ),
  ).flat();
  const again = failed.slice(0, 100).map((each) => ({ ...each, sensor: 99, timeMs: each.timeMs + 5 }));
  const answered = failed.slice(0, 500).map((each) => ({ ...each, port: each.port + 1000, outcome: 5 }));
  const crowd = Array.from({ length: 20 }, (_, index) =>
    contact({
      source: sourceNumber(index),
      timeMs: crowdKey.slice * contactSliceMs,
      crowds: crowdBit.target,
    }),
  );
  return only({ failed: [...failed, ...again, ...crowd], answered });
}

const crowdKey: CrowdKey = {
  kind: "target",
  subject: destinations[0],
  slice: Math.floor(nowMs / contactSliceMs) - 12,
};

/** Everything slow that the store tells of the observations. */
async function slowWindows(): Promise<unknown> {
  const windows = await store.readSources(
    Array.from({ length: sources }, (_, index) => sourceNumber(index)),
    today - 1,
    today,
  );
  const byKey = (a: object, b: object): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  const services = [0, 1000, 1001].map((port) => ({ destination: destinations[0], protocol: 6, port }));
  return {
    windows: windows.map(({ failed, answered, ...rest }) => ({
      ...rest,
      failed: failed.toSorted(byKey),
      answered: answered.toSorted(byKey),
    })),
    services: await store.readServices(services, today),
    history: [...(await store.readCrowdHistory({ ...crowdKey, slice: crowdKey.slice + 12 }))],
  };
}

it("pieces put back into an empty Redis, twice and in any order, give the same windows", async () => {
  await store.merge(observations());
  for (let partition = 0; partition < partitionCount; partition++)
    await store.readHot(partition, nowMs - 3 * 3_600_000, nowMs);
  const before = await slowWindows();
  expect(before).toMatchObject({ services: [false, true, true], history: [[crowdKey.slice, 20]] });
  const pieces: Buffer[] = [];
  for await (const piece of slowState.dump(nowMs, new AbortController().signal)) pieces.push(piece);
  await connection.command(["FLUSHALL"]);
  await connection.renewState();
  for (const piece of [...pieces.toReversed(), ...pieces]) await slowState.restore(piece);
  expect(await slowWindows()).toEqual(before);
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(pieceBytesMax);
});

it("every stream has a time to live", async () => {
  const keys = (await connection.command(["KEYS", "{p*"])) as Buffer[];
  expect(keys.length).toBeGreaterThan(15);
  for (const key of keys.map(String)) {
    const ttl = Number(await connection.command(["TTL", key]));
    expect(ttl, key).toBeGreaterThan(0);
    expect(ttl, key).toBeLessThanOrEqual(8 * 86_400 + 3600);
  }
});
