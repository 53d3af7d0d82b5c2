import { jetstream } from "@nats-io/jetstream";
import type { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNats } from "../servers/nats-server.js";
import type { NatsProcess } from "../servers/nats-server.js";
import { startRedis } from "../servers/redis-server.js";
import type { RedisProcess } from "../servers/redis-server.js";
import { connectedLink, encodedProbe, publishBatch, until } from "./correlator-nats-fixture.js";
import { startRebuilding, type RebuildingCorrelator } from "./rebuild-fixture.js";

const scanner = 0x0a000009;
/** So that the slow state is all that comes back of what is older than the last batch. */
const onlyTheLast = { recentMs: 1 };

describe("the slow state after a loss of Redis", () => {
  let nats: NatsProcess;
  let redis: RedisProcess;
  let link: NatsLink;
  let correlator: RebuildingCorrelator;

  beforeEach(async () => {
    [nats, redis] = await Promise.all([startNats(), startRedis()]);
    link = await connectedLink(nats.url);
  });

  afterEach(async () => {
    await correlator.stop();
    await link.stop();
    await Promise.all([nats.stop(), redis.stop()]);
  });

  /** Resolves when the windows hold all of it. */
  async function probeHosts(first: number, last: number): Promise<void> {
    for (let host = first; host <= last; host++)
      await publishBatch(link.current(), `lab-${host}`, encodedProbe(scanner, 0x0a010000 + host, 22));
    await until("the probes are applied", async () => {
      const { acknowledgedSequence } = await correlator.history.position();
      return acknowledgedSequence === last;
    });
  }

  async function contacts(): Promise<number> {
    const day = Math.floor(Date.now() / 86_400_000);
    const [window] = await correlator.windows.readSources(["\x0a\0\0\x09"], day - 1, day);
    return window.failed.length;
  }

  async function loseAndRebuild(): Promise<void> {
    const { rebuildsDone } = correlator.rebuilder.counters;
    await correlator.connection.command(["FLUSHALL"]);
    await until(
      "the windows are rebuilt",
      () => correlator.rebuilder.counters.rebuildsDone > rebuildsDone,
      20_000,
    );
  }

  async function takeCheckpoint(): Promise<void> {
    expect(await correlator.checkpoints.take(Date.now(), new AbortController().signal)).toBeDefined();
  }

  it("comes from the checkpoint, and from the stream what came after it", async () => {
    correlator = await startRebuilding(link, redis.url, { ...onlyTheLast, historyMs: 0 });
    await probeHosts(1, 4);
    await takeCheckpoint();
    await probeHosts(5, 7);
    const { flowsReplayed } = correlator.rebuilder.counters;
    await loseAndRebuild();
    expect(await contacts()).toBe(7);
    expect(correlator.rebuilder.counters.flowsReplayed - flowsReplayed).toBeLessThan(6);
    await probeHosts(8, 9);
    const found = async (): Promise<boolean> =>
      (await correlator.incidents.list({ source: "10.0.0.9" })).incidents[0]?.targetCount === 9;
    await until("the scan is found", found);
  });

  it("comes from the stream when there is no checkpoint", async () => {
    correlator = await startRebuilding(link, redis.url, onlyTheLast);
    await probeHosts(1, 5);
    await loseAndRebuild();
    expect(await contacts()).toBe(5);
  });

  it("does not come from a checkpoint that was broken off, of another layout, or damaged", async () => {
    correlator = await startRebuilding(link, redis.url, onlyTheLast);
    await probeHosts(1, 5);
    await takeCheckpoint();
    const manifest = {
      id: "damaged",
      layout: "1",
      log: (await correlator.history.position()).log,
      sequence: 5,
      takenMs: Date.now(),
      pieces: 9,
      bytes: 1,
      firstSequence: 1,
      lastSequence: 1,
    };
    const publish = (text: string): Promise<unknown> =>
      jetstream(link.current()).publish("picket.checkpoints.v1.manifest", text);
    for (const text of [
      JSON.stringify(manifest),
      JSON.stringify({ ...manifest, layout: "0" }),
      "no manifest",
    ]) {
      await publish(text);
      await loseAndRebuild();
      expect(await contacts()).toBe(5);
    }
    expect(correlator.checkpoints.counters.checkpointsUnusable).toBe(2);
  });

  it("of another layout of the keys counts as lost", async () => {
    correlator = await startRebuilding(link, redis.url);
    await correlator.connection.command(["HSET", "picket:{rebuild}:state", "layout", "another"]);
    const { rebuildsDone } = correlator.rebuilder.counters;
    await until("it is rebuilt", () => correlator.rebuilder.counters.rebuildsDone > rebuildsDone);
  });
});
