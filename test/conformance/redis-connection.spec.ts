import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisWindowStore } from "@picket/correlator/adapters/redis/redis-window-store.js";
import { dayMs } from "@picket/correlator/windows/window-store.js";
import { afterEach, expect, test } from "vitest";
import { freePort } from "../servers/free-port.js";
import { startRedis, type RedisOptions, type RedisProcess } from "../servers/redis-server.js";
import { contact, midnightMs, only, sourceNumber, sources } from "./window-observations.js";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function server(options?: RedisOptions): Promise<RedisProcess> {
  const redis = await startRedis(options);
  ends.push(() => redis.stop());
  return redis;
}

function connect(url: string, layout?: number): RedisConnection {
  const connection = new RedisConnection({ url, reconnectDelayMsMax: 50, layout });
  ends.push(() => connection.close());
  connection.start();
  return connection;
}

const today = midnightMs / dayMs;

test("a server that is not there is named, and found when it comes", async () => {
  const port = await freePort();
  const connection = connect(`redis://:secret@127.0.0.1:${port}`);
  await expect(connection.whenUp(100)).rejects.toMatchObject({
    code: "SERVER_UNREACHABLE",
    message: `redis at 127.0.0.1:${port} does not answer`,
  });
  await expect(connection.command(["PING"])).rejects.toMatchObject({ code: "SERVER_UNREACHABLE" });
  await server({ port, config: "requirepass secret" });
  await connection.whenUp(10_000);
});

test("refused credentials are said so, without the password", async () => {
  const redis = await server({ config: "requirepass right" });
  const refused = connect(redis.url.replace("//", "//:wrong@")).whenUp(10_000);
  await expect(refused).rejects.toMatchObject({ code: "CREDENTIALS_REFUSED" });
  await expect(refused).rejects.not.toThrow(/wrong/);
});

test("a missing password is said so", async () => {
  const redis = await server({ config: "requirepass right" });
  await expect(connect(redis.url).whenUp(10_000)).rejects.toMatchObject({ code: "CREDENTIALS_REFUSED" });
});

test("a server that evicts keys is refused", async () => {
  const redis = await server({ config: "maxmemory-policy allkeys-lru" });
  await expect(connect(redis.url).whenUp(10_000)).rejects.toMatchObject({ code: "SERVER_CONFIG" });
});

test("while the server is gone merges fail at once; afterwards the state is another", async () => {
  const redis = await server();
  const connection = connect(redis.url);
  await connection.whenUp(10_000);
  const store = new RedisWindowStore(connection);
  const observations = only({ failed: [contact({}), contact({ port: 23 })] });
  await store.merge(observations);
  const epoch = store.stateEpoch;
  await redis.kill();
  await expect(store.merge(observations)).rejects.toMatchObject({ code: "SERVER_UNREACHABLE" });
  await redis.restart();
  await connection.whenUp(10_000);
  expect(store.stateEpoch).not.toBe(epoch);
  expect((await store.readSources([sources[0]], today, today))[0].failed).toEqual([]);
  await store.merge(observations);
  expect((await store.readSources([sources[0]], today, today))[0].failed).toHaveLength(2);
});

test("a store that was emptied behind our back takes the whole micro-batch again", async () => {
  const redis = await server();
  const connection = connect(redis.url);
  await connection.whenUp(10_000);
  const store = new RedisWindowStore(connection);
  const observations = only({ failed: [contact({})] });
  await store.merge(observations);
  const epoch = store.stateEpoch;
  await connection.command(["FLUSHALL"]);
  await store.merge(observations);
  expect(store.stateEpoch).not.toBe(epoch);
  expect((await store.readSources([sources[0]], today, today))[0].failed).toHaveLength(1);
});

test("a correlator with a newer layout takes over: from then on older ones merge nothing more", async () => {
  const redis = await server();
  const [older, reader] = [connect(redis.url, 8), connect(redis.url)];
  await Promise.all([older.whenUp(10_000), reader.whenUp(10_000)]);
  const store = new RedisWindowStore(older);
  await store.merge(only({ failed: [contact({})] }));
  const newer = connect(redis.url, 9);
  await newer.whenUp(10_000);
  expect(newer.secret).toEqual(older.secret);
  await expect(store.merge(only({ failed: [contact({ port: 23 })] }))).rejects.toMatchObject({
    code: "SERVER_CONFIG",
    message: expect.stringContaining("layout 9, this one has 8") as string,
  });
  await expect(older.command(["PING"])).rejects.toMatchObject({ code: "SERVER_CONFIG" });
  await expect(connect(redis.url, 8).whenUp(10_000)).rejects.toMatchObject({ code: "SERVER_CONFIG" });
  await new RedisWindowStore(newer).merge(only({ failed: [contact({})] }));
  await reader.renewState();
  expect(await reader.isSameState()).toBe(true);
});

test("every key of a window has a time to live", async () => {
  const redis = await server();
  const connection = connect(redis.url);
  await connection.whenUp(10_000);
  const store = new RedisWindowStore(connection, {
    contactsPerSourceMax: 8,
    sourcesPerCrowdMax: 20,
  });
  const slice = Math.floor(midnightMs / 600_000);
  const numbers = [...Array(40).keys()];
  for (let round = 0; round < 2; round++)
    await store.merge({
      failed: numbers.flatMap((n) => [
        contact({ port: n }),
        contact({ source: sourceNumber(n), crowds: 15 }),
      ]),
      answered: numbers.map((n) => contact({ port: n % 3, source: sourceNumber(n) })),
      starts: numbers.map(() => ({
        host: "\x0a\0\0\x01",
        direction: "inbound",
        slice: slice * 120,
        positions: numbers,
      })),
      facts: [],
    });
  for (let partition = 0; partition < 64; partition++)
    await store.readHot(partition, midnightMs, midnightMs + 600_000);
  const keys = (await connection.command(["KEYS", "{p*"])) as Buffer[];
  expect(keys.length).toBeGreaterThan(15);
  for (const key of keys) expect(await connection.command(["TTL", key]), key.toString()).toBeGreaterThan(0);
});
