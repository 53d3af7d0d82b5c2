import { jetstreamManager } from "@nats-io/jetstream";
import { MemoryPolicyStore } from "@picket/correlator/adapters/memory/memory-policy-store.js";
import { MemorySensorRegistry } from "@picket/correlator/adapters/memory/memory-sensor-registry.js";
import type { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { NatsPolicyStore } from "@picket/correlator/adapters/nats/nats-policy-store.js";
import { NatsSensorRegistry } from "@picket/correlator/adapters/nats/nats-sensor-registry.js";
import { PolicyResponder } from "@picket/correlator/adapters/nats/policy-responder.js";
import { StatusListener } from "@picket/correlator/adapters/nats/status-listener.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisSensorTotals } from "@picket/correlator/adapters/redis/redis-sensor-totals.js";
import { SensorState, SensorStatus } from "@picket/proto/generated/picket/v1/sensor.js";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildApplied } from "../conformance/batch-reports.js";
import { describePolicyStore, portsPolicy } from "../conformance/policy-store.js";
import { buildSensor, describeSensorRegistry } from "../conformance/sensor-registry.js";
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
  redisConnection = new RedisConnection({ url: redis.url });
  redisConnection.start();
  await redisConnection.whenUp(5000);
});

afterAll(async () => {
  await link.stop();
  await redisConnection.close();
  await nats.stop();
  await redis.stop();
});

/** Empties both servers, which only this test uses. */
async function clear(): Promise<void> {
  const manager = await jetstreamManager(link.current());
  for (const bucket of ["KV_picket_policy", "KV_picket_sensors"]) await manager.streams.delete(bucket);
  await connectedLink(nats.url).then((fresh) => fresh.stop());
  await redisConnection.command(["FLUSHALL"]);
}

function openRegistry(): NatsSensorRegistry {
  return new NatsSensorRegistry(link, new RedisSensorTotals(redisConnection));
}

describePolicyStore("MemoryPolicyStore", () => Promise.resolve(new MemoryPolicyStore()));
describePolicyStore("NatsPolicyStore", async () => {
  await clear();
  return new NatsPolicyStore(link);
});
describeSensorRegistry("MemorySensorRegistry", () => Promise.resolve(new MemorySensorRegistry()));
describeSensorRegistry("NatsSensorRegistry", async () => {
  await clear();
  return openRegistry();
});

describe("NatsPolicyStore", () => {
  beforeEach(clear);

  it("announces each new revision", async () => {
    const announced: string[] = [];
    link.current().subscribe("picket.policy.v1", {
      max: 1,
      callback: (_error, message) => void announced.push(message.string()),
    });
    await new NatsPolicyStore(link).update(portsPolicy(9), "0", "", "", 0);
    await until("it is announced", () => announced.length === 1);
    expect(JSON.parse(announced[0])).toEqual({ revision: "1" });
  });

  it("says that a stored policy cannot be read, and watchers keep the one before", async () => {
    const store = new NatsPolicyStore(link);
    const seen: number[] = [];
    const abort = new AbortController();
    const watching = store.watch(({ revision }) => seen.push(revision), abort.signal);
    const first = await store.update(portsPolicy(9), "0", "", "", 0);
    await until("it is seen", () => seen.includes(1));
    const manager = await jetstreamManager(link.current());
    await manager
      .jetstream()
      .publish("$KV.picket_policy.current", JSON.stringify({ revision: 2, policy: { scan: { x: 1 } } }));
    await expect(store.get()).rejects.toMatchObject({ code: "INVALID_POLICY" });
    await until("it is counted", () => store.counters.revisionsUnreadable === 1);
    expect(seen).not.toContain(2);
    expect(first.revision).toBe(1);
    abort.abort();
    await watching;
  });

  it("goes on watching after the server was killed", async () => {
    const store = new NatsPolicyStore(link);
    const seen: number[] = [];
    const abort = new AbortController();
    const watching = store.watch(({ revision }) => seen.push(revision), abort.signal);
    await until("the default is seen", () => seen.length === 1);
    await nats.kill();
    await until("the link is lost", () => !link.isConnected);
    await expect(store.get()).rejects.toMatchObject({ code: "SERVER_UNREACHABLE" });
    await nats.restart();
    await until("it is stored", () =>
      store.update(portsPolicy(9), "0", "", "", 0).then(
        () => true,
        () => false,
      ),
    );
    await until("it is seen", () => seen.includes(1));
    abort.abort();
    await watching;
  });

  it("lets sensors ask for their slice, and only that", async () => {
    const responder = new PolicyResponder(link);
    await responder.start();
    responder.setPolicy(await new NatsPolicyStore(link).update(portsPolicy(9), "0", "ana", "secret plan", 0));
    const reply = await link.current().request("picket.policy.get.lab-01");
    expect(reply.json()).toEqual({
      revision: "1",
      sensor: {
        activeTimeoutMs: 60_000,
        idleTimeoutMs: 30_000,
        holdTimeoutMs: 1500,
        filter: "",
        snapLengthBytes: 384,
        hostNames: true,
        hostNamesPerSecond: 1000,
      },
    });
    await expect(link.current().request("picket.policy.get.lab 01", "", { timeout: 300 })).rejects.toThrow();
    responder.stop();
  });
});

describe("NatsSensorRegistry", () => {
  beforeEach(clear);

  it("shows another process what this one recorded", async () => {
    const [one, other] = [openRegistry(), openRegistry()];
    await one.recordStatus(buildSensor({ name: "lab-01" }));
    await one.recordApplied([buildApplied({ records: 10 })]);
    await other.recordApplied([buildApplied({ sequence: 2, records: 5 })]);
    const nowMs = buildSensor().lastStatusMs;
    const isShown = async (registry: NatsSensorRegistry): Promise<boolean> =>
      (await registry.list(nowMs)).some(
        ({ state, appliedRecords }) => state === "degraded" && appliedRecords === 15,
      );
    await until("the other shows it", () => isShown(other));
    await until("the first shows it", () => isShown(one));
    await one.recordStatus(buildSensor({ name: "lab-01", state: "waiting", lastStatusMs: nowMs + 1 }));
    await until("the other shows the change", async () => (await other.list(nowMs))[0].state === "waiting");
    await one.close();
    await other.close();
  });

  it("stores an unchanged sensor at most every 5 s", async () => {
    const registry = openRegistry();
    const { lastStatusMs } = buildSensor();
    for (let i = 0; i < 10; i++)
      await registry.recordStatus(buildSensor({ lastStatusMs: lastStatusMs + i * 1000 }));
    const manager = await jetstreamManager(link.current());
    expect((await manager.streams.info("KV_picket_sensors")).state.last_seq).toBe(2);
    await registry.close();
  });

  it("keeps no more sensors than it may", async () => {
    const registry = new NatsSensorRegistry(link, new RedisSensorTotals(redisConnection), { sensorsMax: 2 });
    for (const name of ["a", "b", "c"]) await registry.recordStatus(buildSensor({ name }));
    expect(registry.counters.sensorsRefused).toBe(1);
    await registry.close();
  });

  it("takes heartbeats from the sensors' subjects", async () => {
    const registry = openRegistry();
    const warnings: string[] = [];
    const listener = new StatusListener(link, registry, ({ message }) => warnings.push(message));
    await listener.start();
    const aheadMs = 4000;
    const status = SensorStatus.fromPartial({
      version: "0.1.0",
      timeUs: BigInt((Date.now() + aheadMs) * 1000),
      state: SensorState.SENSOR_STATE_RUNNING,
      counters: { packets_received: 7n, "not a name": 1n },
      hostAddresses: ["10.0.0.1"],
      linkNetworks: ["198.51.100.0/24", "0.0.0.0/0", "::ffff:0:0/96"],
      routedNetworks: ["10.0.0.0/8", "lab"],
    });
    link.current().publish("picket.status.v1.lab-03", SensorStatus.encode(status).finish());
    link.current().publish("picket.status.v1.lab-04", "garbage");
    await until("the heartbeat is listed", async () => (await registry.list(Date.now())).length === 1);
    const [record] = await registry.list(Date.now());
    expect(record).toMatchObject({ name: "lab-03", state: "running", counters: { packets_received: 7 } });
    expect(record).toMatchObject({ linkNetworks: ["198.51.100.0/24"], routedNetworks: ["10.0.0.0/8"] });
    expect(record.refusedNetworks).toEqual({ wide: 1, special: 1, unreadable: 1 });
    expect(warnings[0]).toContain(
      "lab-03 tells of networks that are not taken for inside: 1 wide, 1 special",
    );
    expect(Math.abs(record.clockSkewMs - aheadMs)).toBeLessThan(1000);
    await until("the garbage is counted", () => listener.counters.statusesUnreadable === 1);
    listener.stop();
    await registry.close();
  });
});
