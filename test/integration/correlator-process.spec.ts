import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { jetstreamManager } from "@nats-io/jetstream";
import { NatsIncidentStore } from "@picket/correlator/adapters/nats/nats-incident-store.js";
import type { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { NatsPolicyStore } from "@picket/correlator/adapters/nats/nats-policy-store.js";
import { NatsSensorRegistry } from "@picket/correlator/adapters/nats/nats-sensor-registry.js";
import { layoutVersion } from "@picket/correlator/adapters/redis/window-log/log-keys.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisIncidentState } from "@picket/correlator/adapters/redis/redis-incident-state.js";
import { RedisSensorTotals } from "@picket/correlator/adapters/redis/redis-sensor-totals.js";
import { correlatorConfigSchema } from "@picket/correlator/config.js";
import type { CorrelatorConfig } from "@picket/correlator/config.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { runCorrelator } from "@picket/correlator/main.js";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { freePort } from "../servers/free-port.js";
import { startNats } from "../servers/nats-server.js";
import type { NatsProcess } from "../servers/nats-server.js";
import { startRedis } from "../servers/redis-server.js";
import type { RedisProcess } from "../servers/redis-server.js";
import { connectedLink, encodedProbe, publishBatch, testStreams, until } from "./correlator-nats-fixture.js";

const running: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const thing of running.splice(0).reverse()) await thing.stop();
});

function configOf(fields: Partial<CorrelatorConfig>): CorrelatorConfig {
  const { flowsBytesMax, incidentsBytesMax } = testStreams;
  return correlatorConfigSchema.parse({ flowsBytesMax, incidentsBytesMax, logLevel: "error", ...fields });
}

/** A correlator in this process; `done` is what it resolves or rejects to. */
function startCorrelator(fields: Partial<CorrelatorConfig>): {
  done: Promise<number>;
  stop(): Promise<unknown>;
} {
  const abort = new AbortController();
  const done = runCorrelator(configOf(fields), abort.signal);
  done.catch(() => {});
  const correlator = {
    done,
    stop: () => {
      abort.abort();
      return done.catch(() => {});
    },
  };
  running.push(correlator);
  return correlator;
}

describe("a correlator process", () => {
  let nats: NatsProcess;
  let redis: RedisProcess;
  let link: NatsLink;
  let redisConnection: RedisConnection;
  let incidents: NatsIncidentStore;

  beforeEach(async () => {
    [nats, redis] = await Promise.all([startNats(), startRedis()]);
    running.push(nats, redis);
    link = await connectedLink(nats.url, "observer");
    redisConnection = new RedisConnection({ url: redis.url });
    redisConnection.start();
    await redisConnection.whenUp(5000);
    incidents = new NatsIncidentStore(link, new RedisIncidentState(redisConnection));
    running.push(link, { stop: () => redisConnection.close() }, { stop: () => incidents.close() });
  });

  /** A source probes two ports of each of eight hosts, each seen by the host's own sensor only. */
  async function sweep(source: number): Promise<void> {
    for (let host = 1; host <= 8; host++)
      for (const port of [22, 23])
        await publishBatch(link.current(), `lab-0${host}`, encodedProbe(source, 0x0a010000 + host, port));
  }

  async function incidentOf(source: string): Promise<Incident | undefined> {
    return (await incidents.list({ source })).incidents[0];
  }

  it("turns the flows of eight sensors into one incident within seconds", async () => {
    startCorrelator({ nats: [nats.url], redis: redis.url });
    await sweep(0x0a000009);
    await until("there is an incident", async () => (await incidentOf("10.0.0.9")) !== undefined);
    await until("it names every sensor", async () => (await incidentOf("10.0.0.9"))?.evidence.length === 8);
    expect((await incidents.list({})).incidents).toHaveLength(1);
    const sensors = new NatsSensorRegistry(link, new RedisSensorTotals(redisConnection));
    running.push({ stop: () => sensors.close() });
    await until("the applied records are counted", async () => {
      const records = await sensors.list(Date.now());
      return records.length === 8 && records.every(({ appliedRecords }) => appliedRecords === 2);
    });
  });

  it("shares the work with another one, and the incident comes once when one stops", async () => {
    const [first] = [1, 2].map(() => startCorrelator({ nats: [nats.url], redis: redis.url }));
    await sweep(0x0a000007);
    await until("there is an incident", async () => (await incidentOf("10.0.0.7")) !== undefined);
    expect(await first.stop()).toBe(0);
    await sweep(0x0a000008);
    await until(
      "there is another one",
      async () => (await incidentOf("10.0.0.8"))?.evidence.length === 8,
      30_000,
    );
    const ids = (await incidents.list({ includeInactive: true })).incidents.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("applies every batch after redis was away, and acknowledges none before", async () => {
    startCorrelator({ nats: [nats.url], redis: redis.url });
    const manager = await jetstreamManager(link.current());
    await until("it consumes", () =>
      manager.consumers.info("FLOWS", "correlators").then(
        () => true,
        () => false,
      ),
    );
    await redis.kill();
    await sweep(0x0a000006);
    await until(
      "batches were tried",
      async () => (await manager.consumers.info("FLOWS", "correlators")).num_redelivered > 0,
    );
    expect((await manager.consumers.info("FLOWS", "correlators")).ack_floor.stream_seq).toBe(0);
    await redis.restart();
    await until(
      "there is an incident",
      // Redis may not be reached again before the first look.
      async () => (await incidentOf("10.0.0.6").catch(() => undefined))?.evidence.length === 8,
      30_000,
    );
  });

  it("answers sensors with the policy in force", async () => {
    startCorrelator({ nats: [nats.url], redis: redis.url });
    const policies = new NatsPolicyStore(link);
    const current = await policies.get();
    const policy = { ...current.policy, sensor: { ...current.policy.sensor, holdTimeoutMs: 700 } };
    await policies.update(policy, current.etag, "", "", Date.now());
    await until("it answers with the new one", async () => {
      const reply = await link
        .current()
        .request("picket.policy.get.lab-01", "", { timeout: 500 })
        .catch(() => undefined);
      return reply !== undefined && reply.string().includes('"holdTimeoutMs":700');
    });
  });

  it("ends when the stream would lose data", async () => {
    const manager = await jetstreamManager(link.current());
    await manager.streams.delete("REJECTED");
    await manager.streams.add({ name: "REJECTED", subjects: ["picket.rejected.v1.*"], storage: "memory" });
    const { done } = startCorrelator({ nats: [nats.url], redis: redis.url });
    await expect(done).rejects.toMatchObject({ code: "SERVER_CONFIG", field: "REJECTED" });
  });
});

it("servers that are absent at the start are waited for", async () => {
  const [natsPort, redisPort] = [await freePort(), await freePort()];
  startCorrelator({ nats: [`nats://127.0.0.1:${natsPort}`], redis: `redis://127.0.0.1:${redisPort}` });
  running.push(await startNats({ port: natsPort }), await startRedis({ port: redisPort }));
  const link = await connectedLink(`nats://127.0.0.1:${natsPort}`);
  running.push(link);
  const manager = await jetstreamManager(link.current());
  await until("it consumes", () =>
    manager.consumers.info("FLOWS", "correlators").then(
      () => true,
      () => false,
    ),
  );
});

it("a stop while the servers are absent is clean", async () => {
  const [natsPort, redisPort] = [await freePort(), await freePort()];
  const correlator = startCorrelator({
    nats: [`nats://127.0.0.1:${natsPort}`],
    redis: `redis://127.0.0.1:${redisPort}`,
  });
  expect(await correlator.stop()).toBe(0);
});

it("refused credentials end it with one line", async () => {
  const nats = await startNats({ config: "authorization { user: a, password: b }" });
  running.push(nats);
  const { done } = startCorrelator({ nats: [nats.url], natsUser: "a", natsPassword: "wrong" });
  await expect(done).rejects.toMatchObject({ code: "CREDENTIALS_REFUSED" });
});

it("a redis that would evict ends it with one line", async () => {
  const [nats, redis] = [await startNats(), await startRedis({ config: "maxmemory-policy allkeys-lru" })];
  running.push(nats, redis);
  const { done } = startCorrelator({ nats: [nats.url], redis: redis.url });
  await expect(done).rejects.toMatchObject({ code: "SERVER_CONFIG" });
});

it("a correlator with a newer layout of the windows ends it with one line", async () => {
  const [nats, redis] = [await startNats(), await startRedis()];
  running.push(nats, redis);
  const { done } = startCorrelator({ nats: [nats.url], redis: redis.url });
  const newer = new RedisConnection({ url: redis.url, layout: Number(layoutVersion) + 1 });
  running.push({ stop: () => newer.close() });
  const reader = new RedisConnection({ url: redis.url });
  running.push({ stop: () => reader.close() });
  reader.start();
  await reader.whenUp(10_000);
  await vi.waitFor(
    async () => expect(await reader.command(["EXISTS", "picket:{rebuild}:state"])).toBe(1),
    20_000,
  );
  newer.start();
  await expect(done).rejects.toMatchObject({ code: "SERVER_CONFIG" });
});

it("a metrics port in use ends it before anything was started", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => {
    taken.listen(0, "127.0.0.1", resolve);
  });
  const { port } = taken.address() as AddressInfo;
  const { done } = startCorrelator({ metricsListen: `127.0.0.1:${port}` });
  await expect(done).rejects.toMatchObject({ code: "ADDRESS_IN_USE" });
  taken.close();
});

it("metrics are served as text", async () => {
  const port = await freePort();
  startCorrelator({ metricsListen: `127.0.0.1:${port}` });
  let text = "";
  await until("they are served", async () => {
    text = await fetch(`http://127.0.0.1:${port}/metrics`).then(
      (reply) => reply.text(),
      () => "",
    );
    return text !== "";
  });
  expect(text).toMatch(/^picket_correlator_batches_received 0$/m);
  expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
});
