import { jetstreamManager } from "@nats-io/jetstream";
import { buildEvent, buildReviewChange } from "@picket/correlator/adapters/memory/incident-fixture.js";
import { MemoryIncidentStore } from "@picket/correlator/adapters/memory/memory-incident-store.js";
import { NatsIncidentStore } from "@picket/correlator/adapters/nats/nats-incident-store.js";
import type { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisIncidentState } from "@picket/correlator/adapters/redis/redis-incident-state.js";
import type { WatchItem } from "@picket/correlator/incidents/incident-store.js";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { describeIncidentStore } from "../conformance/incident-store.js";
import { startNats } from "../servers/nats-server.js";
import type { NatsProcess } from "../servers/nats-server.js";
import { startRedis } from "../servers/redis-server.js";
import type { RedisProcess } from "../servers/redis-server.js";
import { connectedLink, until } from "./correlator-nats-fixture.js";

let nats: NatsProcess;
let redis: RedisProcess;
let link: NatsLink;
let redisConnection: RedisConnection;

beforeAll(async () => {
  [nats, redis] = await Promise.all([startNats(), startRedis()]);
  link = await connectedLink(nats.url);
  redisConnection = await connectedRedis();
});

afterAll(async () => {
  await link.stop();
  await redisConnection.close();
  await nats.stop();
  await redis.stop();
});

async function connectedRedis(): Promise<RedisConnection> {
  const connection = new RedisConnection({ url: redis.url });
  connection.start();
  await connection.whenUp(5000);
  return connection;
}

/** Empties both servers, which only this test uses. */
async function clear(): Promise<void> {
  const manager = await jetstreamManager(link.current());
  await manager.streams.delete("INCIDENTS");
  await connectedLink(nats.url).then((fresh) => fresh.stop());
  await redisConnection.command(["FLUSHALL"]);
}

function openStore(): NatsIncidentStore {
  return new NatsIncidentStore(link, new RedisIncidentState(redisConnection));
}

describeIncidentStore("MemoryIncidentStore", () => Promise.resolve(new MemoryIncidentStore()));
describeIncidentStore("NatsIncidentStore", async () => {
  await clear();
  return openStore();
});

describe("NatsIncidentStore", () => {
  const stores: NatsIncidentStore[] = [];
  beforeEach(clear);
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
  });
  function store(): NatsIncidentStore {
    const opened = openStore();
    stores.push(opened);
    return opened;
  }

  it("shows another process what this one committed", async () => {
    const [writer, reader] = [store(), store()];
    await writer.commit([buildEvent({ revision: 1 })], 1);
    expect((await reader.list({})).incidents).toHaveLength(1);
    await writer.commit([buildEvent({ revision: 2 })], 1);
    expect((await reader.get("00000000000000aa"))?.revision).toBe(2);
  });

  it("goes on when two processes commit in turns", async () => {
    const [one, other] = [store(), store()];
    for (let revision = 1; revision <= 6; revision++)
      expect(await (revision % 2 === 1 ? one : other).commit([buildEvent({ revision })], revision)).toBe(
        true,
      );
    expect((await store().loadAll()).map(({ revision }) => revision)).toEqual([6]);
    expect((await (await jetstreamManager(link.current())).streams.info("INCIDENTS")).state.messages).toBe(6);
  });

  it("loses neither a note nor a commit when several processes write at once", async () => {
    const [grouping, ...apis] = [store(), store(), store()];
    await grouping.commit([buildEvent({ revision: 1 })], 1);
    let revision = 1;
    const commitNext = async (): Promise<void> => {
      const event = buildEvent({ revision: ++revision, contactCount: revision }, "updated");
      await until("the commit is in", () => grouping.commit([event], 1).catch(() => false));
    };
    for (let i = 0; i < 10; i++)
      await Promise.all([
        commitNext(),
        ...apis.map((api, a) => {
          const change = buildReviewChange({ action: "annotate", note: `${a}.${i}`, requestId: `${a}.${i}` });
          return until(
            "the note is in",
            async () => (await api.review(change).catch(() => undefined)) !== undefined,
          );
        }),
      ]);
    await redisConnection.command(["FLUSHALL"]);
    const [incident] = await store().loadAll();
    expect(incident).toMatchObject({ revision: 31, contactCount: 11, review: { revision: 20 } });
    const notes = new Set(incident.review.notes.map(({ text }) => text));
    expect(notes.size).toBe(20);
    expect((await (await jetstreamManager(link.current())).streams.info("INCIDENTS")).state.messages).toBe(
      31,
    );
  });

  it("keeps a review that was logged when redis lost the state, and does it once", async () => {
    const [writer, api] = [store(), store()];
    await writer.commit([buildEvent({ revision: 1 })], 1);
    const change = buildReviewChange({ note: "mine" });
    const acknowledged = await api.review(change);
    await redisConnection.command(["FLUSHALL"]);
    expect(await api.review(change)).toEqual(acknowledged);
    await redisConnection.command(["FLUSHALL"]);
    expect(await store().get("00000000000000aa")).toEqual(acknowledged);
    await redisConnection.command(["FLUSHALL"]);
    await writer.commit([buildEvent({ revision: 2 }, "updated")], 1);
    expect((await api.get("00000000000000aa"))?.review).toEqual(acknowledged?.review);
  });

  it("rebuilds the state from the log after redis lost it", async () => {
    const writer = store();
    const events = Array.from({ length: 450 }, (_, i) =>
      buildEvent({ id: i.toString(16).padStart(16, "0") }),
    );
    await writer.commit(events, 1);
    const reader = store();
    expect((await reader.list({})).incidents).toHaveLength(450);
    await redisConnection.command(["FLUSHALL"]);
    expect((await reader.list({})).incidents).toHaveLength(450);
    await redisConnection.command(["FLUSHALL"]);
    expect(await writer.commit([buildEvent({ id: "ffffffffffffffff" })], 1)).toBe(true);
    expect(await store().loadAll()).toHaveLength(451);
    expect((await store().list({})).incidents).toHaveLength(451);
  });

  it("finds an event that was logged by a process that died before it wrote the state", async () => {
    const writer = store();
    await writer.commit([buildEvent({ revision: 1 })], 1);
    await redisConnection.command(["HSET", "picket:{incidents}:meta", "applied", "0"]);
    await redisConnection.command(["DEL", "picket:{incidents}:state", "picket:{incidents}:order"]);
    expect(await store().loadAll()).toHaveLength(1);
  });

  it("keeps the newest of what it may keep", async () => {
    const small = new NatsIncidentStore(link, new RedisIncidentState(redisConnection), { incidentsMax: 10 });
    stores.push(small);
    for (let i = 0; i < 12; i++)
      await small.commit([buildEvent({ id: i.toString(16).padStart(16, "0"), lastSeenMs: i })], 1);
    const left = (await store().list({})).incidents;
    expect(left.length).toBeLessThanOrEqual(10);
    expect(left.some(({ lastSeenMs }) => lastSeenMs === 11)).toBe(true);
    expect(small.counters.incidentsEvicted).toBe(12 - left.length);
  });

  it("lists the last known incidents as stale while redis is away", async () => {
    const own = await startRedis();
    const connection = new RedisConnection({ url: own.url });
    connection.start();
    await connection.whenUp(5000);
    const local = new NatsIncidentStore(link, new RedisIncidentState(connection));
    stores.push(local);
    await local.commit([buildEvent()], 1);
    expect(await local.list({})).toMatchObject({ stale: false, incidents: [{ revision: 1 }] });
    await own.kill();
    expect(await local.list({})).toMatchObject({ stale: true, incidents: [{ revision: 1 }] });
    await expect(local.commit([buildEvent({ revision: 2 })], 1)).rejects.toMatchObject({
      code: "SERVER_UNREACHABLE",
    });
    await expect(local.review(buildReviewChange())).rejects.toMatchObject({ code: "SERVER_UNREACHABLE" });
    await own.restart();
    await connection.whenUp(5000);
    expect(await local.list({})).toMatchObject({ stale: false, incidents: [{ revision: 1 }] });
    expect(await local.commit([buildEvent({ revision: 2 })], 1)).toBe(true);
    expect((await local.get("00000000000000aa"))?.revision).toBe(2);
    await local.close();
    await connection.close();
    await own.stop();
  });

  it("tells a watcher of the events that were dropped before it read them", async () => {
    const manager = await jetstreamManager(link.current());
    await manager.streams.update("INCIDENTS", { max_msgs: 5 });
    const writer = store();
    const items = writer.watch("0", new AbortController().signal)[Symbol.asyncIterator]();
    await writer.commit([buildEvent({ revision: 1 })], 1);
    const first = await items.next();
    const cursor = (first.value as WatchItem).cursor;
    for (let revision = 2; revision <= 10; revision++) await writer.commit([buildEvent({ revision })], 1);
    await items.return?.();
    const resumed = writer.watch(cursor, new AbortController().signal)[Symbol.asyncIterator]();
    expect((await resumed.next()).value).toMatchObject({ kind: "gap", missedEvents: 4 });
    expect((await resumed.next()).value).toMatchObject({
      kind: "event",
      event: { incident: { revision: 6 } },
    });
    await resumed.return?.();
    await manager.streams.update("INCIDENTS", { max_msgs: -1 });
  });

  it("goes on watching after the server was killed, without a repeat or a hole", async () => {
    const writer = store();
    const abort = new AbortController();
    const seen: number[] = [];
    const watching = (async () => {
      for await (const item of writer.watch("0", abort.signal))
        seen.push(item.kind === "event" ? item.event.incident.revision : -1);
    })();
    await writer.commit([buildEvent({ revision: 1 })], 1);
    await until("the first event is seen", () => seen.length === 1);
    await nats.kill();
    await expect(async () => {
      for (;;) await writer.commit([buildEvent({ revision: 2 })], 1);
    }).rejects.toMatchObject({ code: "SERVER_UNREACHABLE" });
    await nats.restart();
    await until("the link is back", () => link.isConnected);
    for (let revision = 2; revision <= 4; revision++)
      await until(`revision ${revision} is committed`, () =>
        writer.commit([buildEvent({ revision })], 1).catch(() => false),
      );
    await until("the later events are seen", () => seen.length === 4);
    expect(seen).toEqual([1, 2, 3, 4]);
    abort.abort();
    await watching;
  });
});
