import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { boardLogKey, RedisFindingBoard } from "@picket/correlator/adapters/redis/redis-finding-board.js";
import { RedisWindowStore } from "@picket/correlator/adapters/redis/redis-window-store.js";
import { shardOf, streamKey } from "@picket/correlator/adapters/redis/window-log/log-keys.js";
import { synFloodRate } from "@picket/correlator/detectors/syn-flood-rate.js";
import type { BoardEntry } from "@picket/correlator/incidents/incident-store.js";
import { dayMs, type ContactObservation } from "@picket/correlator/windows/window-store.js";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startRedis, type RedisProcess } from "../servers/redis-server.js";
import { contact, midnightMs, only, sourceNumber } from "./window-observations.js";

const mebibyte = 1024 * 1024;
const today = midnightMs / dayMs;

describe("the log of the windows in Redis", () => {
  let redis: RedisProcess;
  let connection: RedisConnection;
  let store: RedisWindowStore;

  beforeAll(async () => {
    redis = await startRedis();
    connection = new RedisConnection({ url: redis.url });
    connection.start();
    await connection.whenUp(10_000);
  });

  afterAll(async () => {
    await connection.close();
    await redis.stop();
  });

  beforeEach(async () => {
    await connection.command(["FLUSHALL"]);
    store = new RedisWindowStore(connection);
  });

  const bytesOf = async (key: string): Promise<number> =>
    Number(await connection.command(["MEMORY", "USAGE", key, "SAMPLES", "0"]));

  const mergeAll = async (failed: readonly ContactObservation[]): Promise<void> => {
    for (let from = 0; from < failed.length; from += 5000)
      await store.merge(only({ failed: failed.slice(from, from + 5000) }));
  };

  it("takes little more of a source that has more contacts than can be counted", async () => {
    const key = streamKey("contacts", shardOf(sourceNumber(1)));
    const scan = (fromHost: number, ports: number): ContactObservation[] =>
      Array.from({ length: ports }, (_, port) =>
        contact({
          source: sourceNumber(1),
          destination: `\x0a\x01${String.fromCharCode(fromHost)}\x01`,
          port: port + 1,
        }),
      );
    await mergeAll(scan(1, 10_000));
    const before = await bytesOf(key);
    expect(before).toBeLessThan(mebibyte);
    await mergeAll(scan(2, 30_000));
    expect((await bytesOf(key)) - before).toBeLessThan(mebibyte / 20);
    expect(store.counters.contactsRefused).toBeGreaterThan(30_000);
  });

  it("lets in who fails at two things when a day is full, and no spoofed source", async () => {
    const shard = 3;
    const inShard = Array.from({ length: 3_200_000 }, (_, index) => index)
      .filter((index) => shardOf(sourceNumber(index)) === shard)
      .slice(0, 130_000)
      .map(sourceNumber);
    await mergeAll(inShard.slice(0, -2).map((source) => contact({ source })));
    const full = await bytesOf(streamKey("contacts", shard));
    expect(full).toBeGreaterThan(2 * mebibyte);
    expect(full).toBeLessThan(2.6 * mebibyte);
    const [scanner, spoofed] = inShard.slice(-2);
    await mergeAll([
      ...[1, 2, 3, 4].map((port) => contact({ source: scanner, port })),
      contact({ source: spoofed }),
    ]);
    const [found, unknown] = await store.readSources([scanner, spoofed], today, today);
    expect(found.failed.map(({ port }) => port).sort()).toEqual([2, 3, 4]);
    expect(unknown.failed).toEqual([]);
  }, 60_000);

  it("takes the facts of a flood up to their share, and keeps them minutes only", async () => {
    const subject = "\x0a\x01\x01\x01\x01\xbb\x06";
    const kind = synFloodRate.facts;
    for (let batch = 0; batch < 30; batch++) {
      const facts = Array.from({ length: 2000 }, (_, index) => {
        const member = `o${batch}-${index}`;
        return { kind, subject, member, timeMs: midnightMs + batch, value: 0, sensor: 1 };
      });
      await store.merge(only({ facts }));
    }
    const key = streamKey("rates", shardOf(subject));
    expect(await bytesOf(key)).toBeLessThan(1.3 * mebibyte);
    expect(store.counters.factsRefused).toBeGreaterThan(25_000);
    expect(Number(await connection.command(["PTTL", key]))).toBeLessThan(2 * 3_600_000);
  });

  it("keeps no more than 24 MiB of findings, the newest ones", async () => {
    const board = new RedisFindingBoard(connection);
    const text = "x".repeat(1000);
    let made = 0;
    for (let post = 0; post < 60; post++) {
      const entries = Array.from({ length: 500 }, (): BoardEntry => {
        return { kind: "closed", partition: made % 64, untilMs: ++made, [text]: text };
      });
      await board.post(entries);
    }
    expect(await bytesOf(boardLogKey)).toBeLessThan(26 * mebibyte);
    const length = Number(await connection.command(["XLEN", boardLogKey]));
    expect(length).toBeGreaterThan(5000);
    const { entries } = await board.read("", length);
    expect(entries.at(-1)).toMatchObject({ untilMs: made });
  }, 30_000);

  it("gives every key a time to live", async () => {
    const failed = Array.from({ length: 300 }, (_, index) =>
      contact({ source: sourceNumber(index), crowds: 15 }),
    );
    await store.merge(only({ failed, answered: [contact({ outcome: 5 })] }));
    const keys = (await connection.command(["KEYS", "{p*"])) as Buffer[];
    expect(keys.length).toBeGreaterThan(10);
    for (const key of keys)
      expect(Number(await connection.command(["PTTL", key.toString("latin1")]))).toBeGreaterThan(0);
  });
});
