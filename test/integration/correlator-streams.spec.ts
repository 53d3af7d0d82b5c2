import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import type { StreamConfig } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { MemorySensorRegistry } from "@picket/correlator/adapters/memory/memory-sensor-registry.js";
import { ensureStreams } from "@picket/correlator/adapters/nats/ensure-streams.js";
import { NatsFlowSource } from "@picket/correlator/adapters/nats/nats-flow-source.js";
import { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { QuotaWatch } from "@picket/correlator/adapters/nats/quota-watch.js";
import { streamPlans } from "@picket/correlator/adapters/nats/streams.js";
import type { FlowDelivery } from "@picket/correlator/flows/flow-source.js";
import { batchBytesMax } from "@picket/proto/batch/flow-columns.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../servers/free-port.js";
import { startNats } from "../servers/nats-server.js";
import type { NatsProcess } from "../servers/nats-server.js";
import { connectedLink, encodedBatch, publishBatch, testStreams, until } from "./correlator-nats-fixture.js";

describe("the streams of a server", () => {
  let nats: NatsProcess;
  let connection: NatsConnection;
  beforeAll(async () => {
    nats = await startNats();
    connection = await connect({ servers: nats.url });
  });
  afterAll(async () => {
    await connection.close();
    await nats.stop();
  });

  it("are created once, with limits that keep what was stored", async () => {
    await ensureStreams(connection, testStreams);
    await ensureStreams(connection, testStreams);
    const manager = await jetstreamManager(connection);
    const { config } = await manager.streams.info("FLOWS");
    expect(config).toMatchObject({
      storage: "file",
      retention: "limits",
      deny_purge: true,
      deny_delete: true,
      max_bytes: testStreams.flowsBytesMax,
      max_age: 8 * 86_400 * 1e9,
      duplicate_window: 120 * 1e9,
    });
    await expect(manager.streams.purge("FLOWS")).rejects.toThrow();
  });

  const faults: [string, Partial<StreamConfig>, RegExp][] = [
    ["in memory", { storage: "memory" }, /INCIDENTS keeps its messages in memory/],
    ["without a limit of bytes", { max_bytes: -1 }, /INCIDENTS has no limit of bytes/],
    ["that may be purged", { deny_purge: false }, /INCIDENTS may be purged/],
    ["whose messages may be deleted", { deny_delete: false }, /INCIDENTS lets messages be deleted/],
    ["with a short duplicate window", { duplicate_window: 1e9 }, /INCIDENTS forgets message ids/],
    ["that drops by age", { max_age: 3600 * 1e9 }, /INCIDENTS drops messages too soon/],
    ["that refuses new messages", { discard: "new" }, /INCIDENTS refuses what is new when it is full/],
    ["that drops by subject", { max_msgs_per_subject: 9 }, /INCIDENTS drops messages by subject/],
    ["of another subject", { subjects: ["other"] }, /INCIDENTS does not take picket.incidents.v1/],
  ];
  it.each(faults)("are refused %s", async (_name, fault, message) => {
    const manager = await jetstreamManager(connection);
    await manager.streams.delete("INCIDENTS").catch(() => {});
    const plan = streamPlans(testStreams).find(({ name }) => name === "INCIDENTS");
    await manager.streams.add({ ...plan, name: "INCIDENTS", ...fault });
    await expect(ensureStreams(connection, testStreams)).rejects.toMatchObject({
      code: "SERVER_CONFIG",
      field: "INCIDENTS",
      message: expect.stringMatching(message),
    });
  });
});

describe("the quota of a sensor", () => {
  let nats: NatsProcess;
  let connection: NatsConnection;
  beforeAll(async () => {
    nats = await startNats();
    connection = await connect({ servers: nats.url });
  });
  afterAll(async () => {
    await connection.close();
    await nats.stop();
  });

  it("leaves the batches of others alone, however much it sends", async () => {
    const link = await connectedLink(nats.url);
    for (let i = 0; i < 100; i++) await publishBatch(link.current(), `lab-${i % 10}`, encodedBatch(i + 1));
    const largest = randomBytes(batchBytesMax);
    const flood = async (): Promise<void> => {
      for (let i = 0; i < 75; i++) await publishBatch(link.current(), "flood", largest);
    };
    await Promise.all(Array.from({ length: 16 }, flood));
    const manager = await jetstreamManager(connection);
    const { state, config } = await manager.streams.info("FLOWS", { subjects_filter: ">" });
    expect(state.subjects?.["picket.flows.v1.flood"]).toBe(config.max_msgs_per_subject);
    for (let i = 0; i < 10; i++) expect(state.subjects?.[`picket.flows.v1.lab-${i}`]).toBe(10);
    await link.stop();
  });

  it("is said to be exceeded while what is dropped was not applied", async () => {
    const link = await connectedLink(nats.url);
    const over: string[] = [];
    const watch = new QuotaWatch(link, (sensors) => Promise.resolve(void over.push(...sensors)));
    const held: FlowDelivery[] = [];
    const source = new NatsFlowSource(link, { accounts: new MemorySensorRegistry() });
    let isHolding = true;
    void source.run((deliveries) => {
      for (const delivery of deliveries)
        if (isHolding) held.push(delivery);
        else delivery.acknowledge();
      return Promise.resolve();
    });
    await until("batches are in hand", () => held.length > 0);
    await until("it is seen", () => watch.look().then(() => over.length > 0));
    expect(new Set(over)).toEqual(new Set(["flood"]));
    isHolding = false;
    for (const delivery of held) delivery.acknowledge();
    await until("it is over", async () => {
      over.length = 0;
      await watch.look();
      return over.length === 0;
    });
    await source.stop();
    await link.stop();
  });

  const faults: [string, Partial<StreamConfig>, RegExp][] = [
    ["absent", { max_msgs_per_subject: -1 }, /FLOWS lets one sensor displace all others/],
    ["too large", { max_msgs_per_subject: 1_000_000 }, /FLOWS lets one sensor take more than half/],
    ["too small", { max_msgs_per_subject: 10 }, /FLOWS keeps too little of a sensor/],
    ["one that refuses", { discard: "new", discard_new_per_subject: true }, /FLOWS refuses what is new/],
  ];
  it.each(faults)("is refused when it is %s", async (_name, fault, message) => {
    const manager = await jetstreamManager(connection);
    await manager.streams.delete("FLOWS").catch(() => {});
    const plan = streamPlans(testStreams).find(({ name }) => name === "FLOWS");
    await manager.streams.add({ ...plan, name: "FLOWS", ...fault });
    await expect(ensureStreams(connection, testStreams)).rejects.toMatchObject({
      code: "SERVER_CONFIG",
      field: "FLOWS",
      message: expect.stringMatching(message),
    });
  });
});

it("a server without jetstream is refused", async () => {
  const nats = await startNats({ jetstream: false });
  const connection = await connect({ servers: nats.url });
  await expect(ensureStreams(connection, testStreams)).rejects.toMatchObject({ code: "SERVER_CONFIG" });
  await connection.close();
  await nats.stop();
});

it("a stream that does not fit the server's store is refused by name", async () => {
  const folder = await mkdtemp(join(tmpdir(), "picket-small-store-"));
  const config = `jetstream { store_dir: "${folder}", max_file_store: 1MB }`;
  const nats = await startNats({ jetstream: false, config });
  const connection = await connect({ servers: nats.url });
  await expect(ensureStreams(connection, testStreams)).rejects.toMatchObject({
    code: "SERVER_CONFIG",
    field: "FLOWS",
  });
  await connection.close();
  await nats.stop();
  await rm(folder, { recursive: true });
});

describe("a link", () => {
  it("waits for an absent server and says so once", async () => {
    const port = await freePort();
    const states: string[] = [];
    const link = new NatsLink({ urls: [`nats://127.0.0.1:${port}`] }, "test", (up, detail) =>
      states.push(`${up} ${detail}`),
    );
    link.start();
    await until("the link says that nats is absent", () => states.length === 1);
    expect(states[0]).toMatch(/^false nats: cannot connect to nats:\/\/127/);
    expect(() => link.current()).toThrow(/nats does not answer/);
    const nats = await startNats({ port });
    await link.ready();
    expect(states).toHaveLength(2);
    await nats.kill();
    await until("the link says that nats is gone", () => states.length === 3 && !link.isConnected);
    await nats.restart();
    await until("the link is back", () => link.isConnected);
    expect(states).toHaveLength(4);
    await link.stop();
    await nats.stop();
  });

  it("ends when the server refuses the credentials", async () => {
    const nats = await startNats({ config: "authorization { user: a, password: b }" });
    const link = new NatsLink({ urls: [nats.url], user: "a", password: "wrong" }, "test");
    link.start();
    expect(await link.failed).toMatchObject({ code: "CREDENTIALS_REFUSED" });
    await expect(link.ready()).rejects.toMatchObject({ code: "CREDENTIALS_REFUSED" });
    await link.stop();
    await nats.stop();
  });
});
