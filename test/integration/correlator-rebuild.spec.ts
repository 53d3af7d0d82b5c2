import { setTimeout as delay } from "node:timers/promises";
import type { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNats } from "../servers/nats-server.js";
import type { NatsProcess } from "../servers/nats-server.js";
import { startRedis } from "../servers/redis-server.js";
import type { RedisProcess } from "../servers/redis-server.js";
import { connectedLink, encodedProbe, publishBatch, until } from "./correlator-nats-fixture.js";
import { startRebuilding, type RebuildingCorrelator } from "./rebuild-fixture.js";

const scanner = 0x0a000009;
/** Longer by command: PICKET_REDIS_DOWN_SECONDS=300. */
const downSeconds = Number(process.env.PICKET_REDIS_DOWN_SECONDS ?? 10);

describe("windows that Redis lost in the middle of a scan", () => {
  let nats: NatsProcess;
  let redis: RedisProcess;
  let link: NatsLink;
  let correlators: RebuildingCorrelator[];

  beforeEach(async () => {
    [nats, redis] = await Promise.all([startNats(), startRedis()]);
    link = await connectedLink(nats.url);
    correlators = [await startRebuilding(link, redis.url), await startRebuilding(link, redis.url)];
  });

  afterEach(async () => {
    for (const correlator of correlators) await correlator.stop();
    await link.stop();
    await Promise.all([nats.stop(), redis.stop()]);
  });

  async function probeHosts(first: number, last: number): Promise<void> {
    for (let host = first; host <= last; host++)
      await publishBatch(link.current(), `lab-${host}`, encodedProbe(scanner, 0x0a010000 + host, 22));
  }

  async function incidentOf(source: string): Promise<Incident | undefined> {
    return (await correlators[0].incidents.list({ source, includeInactive: true })).incidents[0];
  }

  async function untilTargets(count: number, withinMs: number): Promise<void> {
    const hasAll = async (): Promise<boolean> => (await incidentOf("10.0.0.9"))?.targetCount === count;
    await until(`${count} targets`, hasAll, withinMs).catch(async (error: Error) => {
      throw new Error(
        `${error.message}: ${JSON.stringify(await incidentOf("10.0.0.9"))}\n${correlators.map(({ lines }) => lines.join("\n")).join("\n--\n")}`,
      );
    });
  }

  const losses: Record<string, () => Promise<void>> = {
    "was flushed": async () => void (await correlators[0].connection.command(["FLUSHALL"])),
    "was killed and restarted empty": async () => {
      await redis.kill();
      await redis.restart();
    },
  };

  for (const [loss, lose] of Object.entries(losses))
    it(`a server that ${loss} is noticed within 2 s, and the incident goes on under its id`, async () => {
      await probeHosts(1, 9);
      await untilTargets(9, 30_000);
      const before = await incidentOf("10.0.0.9");
      const begun = (): number =>
        correlators.reduce((sum, { rebuilder }) => sum + rebuilder.counters.rebuildsBegun, 0);
      const known = begun();
      await lose();
      const lostMs = performance.now();
      await until("the loss is noticed", () => begun() > known);
      expect(performance.now() - lostMs).toBeLessThan(2000);
      expect(begun()).toBe(known + 1);
      await probeHosts(10, 12);
      await untilTargets(12, 30_000);
      const all = (await correlators[0].incidents.list({ includeInactive: true })).incidents;
      expect(all.map(({ id, state }) => [id, state === "retracted"])).toEqual([[before?.id, false]]);
      await until("the windows are complete", () => correlators[0].isReady());
    });

  it("what people said of an incident is there after, and it goes on under its id", async () => {
    await probeHosts(1, 9);
    await untilTargets(9, 30_000);
    const { id = "" } = (await incidentOf("10.0.0.9")) ?? {};
    const store = correlators[1].incidents;
    const change = { id, author: "ana@lab", timeMs: Date.now(), revision: 0 };
    await store.review({ ...change, action: "acknowledge", note: "mine", requestId: "r-1" });
    await store.review({ ...change, action: "annotate", note: "asked the owner", requestId: "r-2" });
    await correlators[0].connection.command(["FLUSHALL"]);
    await until("the loss is noticed", async () => !(await correlators[0].isReady()));
    await probeHosts(10, 12);
    await untilTargets(12, 30_000);
    expect(await incidentOf("10.0.0.9")).toMatchObject({
      id,
      review: {
        revision: 2,
        acknowledgement: { author: "ana@lab" },
        notes: [{ text: "mine" }, { text: "asked the owner" }],
      },
    });
    await until("the windows are complete", () => correlators[0].isReady());
  });

  it("slices are closed again once the windows are complete, and nothing is retracted", async () => {
    await probeHosts(1, 9);
    await untilTargets(9, 30_000);
    const before = await incidentOf("10.0.0.9");
    await correlators[1].connection.command(["FLUSHALL"]);
    await until("the loss is noticed", async () => !(await correlators[0].isReady()));
    await until("the windows are complete", () => correlators[0].isReady());
    await until(
      "slices are closed again",
      async () =>
        Number(await correlators[0].connection.command(["HGET", "picket:{board}:closed", "5"])) >
        Date.now() - 10_000,
    );
    const after = await incidentOf("10.0.0.9");
    expect(after).toMatchObject({ id: before?.id, targetCount: 9 });
    expect(after?.state).not.toBe("retracted");
    // A checkpoint that was being taken then is given up, and says so.
    const isUnexpected = (line: string): boolean =>
      line.includes("Error") && !line.includes("lost while a checkpoint was taken");
    expect(correlators.flatMap(({ lines }) => lines).filter(isUnexpected)).toEqual([]);
  });

  it("a server that comes back older than it was gets what it lacks, and nothing is rebuilt", async () => {
    await probeHosts(1, 5);
    const holds = (contacts: number) => async (): Promise<boolean> => {
      const day = Math.floor(Date.now() / 86_400_000);
      const [window] = await correlators[0].windows.readSources(["\x0a\0\0\x09"], day - 1, day);
      return window.failed.length === contacts;
    };
    await until("5 contacts", holds(5));
    const floor = async (): Promise<number> => (await correlators[0].ledger.read())?.floor ?? 0;
    await until("the floor is noted", async () => (await floor()) === 5);
    await correlators[0].connection.command(["SAVE"]);
    const begun = correlators.map(({ rebuilder }) => rebuilder.counters.rebuildsBegun);
    await probeHosts(6, 9);
    await until("the floor is noted", async () => (await floor()) === 9);
    await redis.kill();
    await redis.restart();
    await until("9 contacts", () => holds(9)().catch(() => false));
    expect(correlators.map(({ rebuilder }) => rebuilder.counters.rebuildsBegun)).toEqual(begun);
  });

  it(
    `Redis away for ${downSeconds} s: nothing is acknowledged, reads are stale, memory is bounded`,
    async () => {
      await probeHosts(1, 8);
      await untilTargets(8, 30_000);
      const acknowledged = async (): Promise<number> =>
        (await correlators[0].history.position()).acknowledgedSequence;
      await until("all are acknowledged", async () => (await acknowledged()) === 8);
      const memoryBytes = process.memoryUsage().rss;
      await redis.kill();
      const deadlineMs = performance.now() + downSeconds * 1000;
      for (let host = 9; performance.now() < deadlineMs; host++) {
        await probeHosts(host, host);
        await delay(20);
      }
      expect(await acknowledged()).toBe(8);
      expect(await correlators[0].incidents.list({})).toMatchObject({
        stale: true,
        incidents: [{ targetCount: 8 }],
      });
      expect(process.memoryUsage().rss - memoryBytes).toBeLessThan(128 * 2 ** 20);
      await redis.restart();
      const sent = (await correlators[0].history.position()).lastSequence;
      await until("what waited is applied", async () => (await acknowledged()) === sent, 30_000);
      await untilTargets(Math.min(sent, 1000), 30_000);
      expect((await correlators[0].incidents.list({ includeInactive: true })).incidents).toHaveLength(1);
    },
    60_000 + downSeconds * 1000,
  );
});
