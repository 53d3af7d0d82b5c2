import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import type { StreamConfig } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { ensureStreams } from "@picket/correlator/adapters/nats/ensure-streams.js";
import { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { streamPlans } from "@picket/correlator/adapters/nats/streams.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../servers/free-port.js";
import { startNats } from "../servers/nats-server.js";
import type { NatsProcess } from "../servers/nats-server.js";
import { testStreams, until } from "./correlator-nats-fixture.js";

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
