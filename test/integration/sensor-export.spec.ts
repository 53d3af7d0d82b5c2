import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { sensorConfigSchema, type SensorConfig } from "@picket/sensor/config.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNats, type NatsProcess } from "../servers/nats-server.js";
import { ExportingSensor } from "./exporting-sensor.js";
import { connectTest, createFlowStream, FlowReader, temporaryFolder, waitUntil } from "./sensor-harness.js";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
if (!hasOpenssl)
  process.stderr.write("sensor-export: the test of TLS is skipped, openssl is not installed\n");

describe("exporting flows", () => {
  let nats: NatsProcess;
  let connection: NatsConnection;
  let reader: FlowReader;
  let folder: ReturnType<typeof temporaryFolder>;
  let config: SensorConfig;

  beforeEach(async () => {
    nats = await startNats();
    connection = await connectTest(nats.url);
    reader = new FlowReader();
    folder = temporaryFolder();
    config = sensorConfigSchema.parse({
      name: "s1",
      nats: [nats.url],
      spoolFolder: folder.path,
      publishTimeoutMs: 500,
    });
  });

  afterEach(async () => {
    await reader.stop();
    await connection.close();
    await nats.stop();
    folder.remove();
  });

  it("arrives whole and without holes whatever is killed on the way", async () => {
    await createFlowStream(connection);
    const sensor = new ExportingSensor(config);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 20; i++) {
        sensor.export(10);
        await delay(5);
      }
      await nats.kill();
      sensor.export(50);
      await nats.restart();
    }
    await waitUntil(
      "everything is acknowledged",
      () => sensor.exporter.counters.batchesAcknowledged === 750,
      30_000,
    );
    await sensor.stop();
    await reader.start(nats.url);
    await waitUntil("everything is read", () => reader.records >= 3750);
    expect([...new Set(reader.batches.map((batch) => batch.sequence))]).toHaveLength(750);
    expect(reader.batches).toHaveLength(750);
    expect(reader.invalid).toEqual([]);
    expect(reader.gaps).toEqual([]);
  }, 60_000);

  it("waits for the stream and says so", async () => {
    const sensor = new ExportingSensor(config);
    sensor.export(20);
    await waitUntil("a fault", () => sensor.exporter.fault?.includes("waiting for a correlator") === true);
    expect(sensor.exporter.counters.batchesAcknowledged).toBe(0);
    await createFlowStream(connection);
    await reader.start(nats.url);
    await waitUntil("all batches", () => reader.batches.length === 20);
    expect(sensor.exporter.fault).toBeUndefined();
    await sensor.stop();
  });

  it("starts without a server, keeps everything over a stop and delivers it after", async () => {
    await createFlowStream(connection);
    await nats.kill();
    const first = new ExportingSensor(config);
    first.export(30);
    await waitUntil("a try to connect", () => first.downs > 0);
    await first.stop(1000);
    await nats.restart();
    await reader.start(nats.url);
    const second = new ExportingSensor(config);
    second.export(1);
    await waitUntil("all batches", () => reader.batches.length === 31);
    expect(new Set(reader.batches.map((batch) => batch.epoch)).size).toBe(2);
    expect(reader.gaps).toEqual([]);
    await second.stop();
  });

  it("sends live batches before the backlog", async () => {
    await createFlowStream(connection);
    await nats.kill();
    const sensor = new ExportingSensor({ ...config, publishInFlightMax: 8 });
    await waitUntil("a try to connect", () => sensor.downs > 0);
    sensor.export(20_000);
    await nats.restart();
    await waitUntil("connected", () => sensor.exporter.counters.batchesAcknowledged > 0);
    await reader.start(nats.url);
    const lagsMs: number[] = [];
    let behind = 0;
    for (let live = 20_001; live <= 20_020; live++) {
      const madeMs = performance.now();
      sensor.export(1);
      const isThere = (): boolean => reader.batches.some(({ sequence }) => sequence === live);
      await waitUntil("the live batch", isThere);
      lagsMs.push(performance.now() - madeMs);
      behind ||= 20_001 - reader.batches.length;
    }
    process.stderr.write(
      `live lag with a backlog of 20,000: ${Math.round(Math.max(...lagsMs))} ms at most\n`,
    );
    expect(Math.max(...lagsMs)).toBeLessThan(5000);
    expect(behind).toBeGreaterThan(1000);
    await waitUntil("the backlog", () => reader.batches.length === 20_020, 30_000);
    await sensor.stop();
  }, 60_000);

  it("accounts exactly for what a full spool dropped", async () => {
    await createFlowStream(connection);
    await nats.kill();
    const sensor = new ExportingSensor({ ...config, spoolBytesMax: 1 << 20 });
    sensor.export(12_000);
    const { recordsExported } = sensor.exporter.counters;
    await nats.restart();
    await reader.start(nats.url);
    await waitUntil("the backlog", () => sensor.exporter.inFlight.batches > 0, 20_000);
    await waitUntil("nothing in flight", () => sensor.exporter.inFlight.batches === 0, 30_000);
    await sensor.stop();
    const lost = () => reader.gaps.reduce((sum, gap) => sum + gap.records, 0);
    await waitUntil("exact accounting", () => reader.records + lost() === recordsExported);
    expect(lost()).toBeGreaterThan(0);
    expect(reader.gaps.every((gap) => gap.reason === "spool_full")).toBe(true);
  }, 60_000);

  it("raises an alarm when its message id was used before", async () => {
    await createFlowStream(connection);
    const sensor = new ExportingSensor(config);
    const epoch = Buffer.from(sensor.exporter.epoch).toString("hex");
    await jetstream(connection).publish("picket.flows.v1.thief", "x", { msgID: `s1:${epoch}:1` });
    await waitUntil("connected", () => sensor.exporter.fault === undefined);
    sensor.export(2);
    await waitUntil("both answers", () => sensor.exporter.counters.batchesAcknowledged === 2);
    expect(sensor.exporter.counters.batchesDuplicate).toBe(1);
    await sensor.stop();
  });

  it("counts a batch that the stream refuses for good as a gap", async () => {
    const manager = await jetstreamManager(connection);
    await createFlowStream(connection);
    await manager.streams.update("FLOWS", { max_msg_size: 2048 });
    await reader.start(nats.url);
    const sensor = new ExportingSensor(config);
    sensor.export(1, 1000);
    sensor.export(1, 5);
    await waitUntil(
      "the gap and the small batch",
      () => reader.gaps.length === 1 && reader.batches.length === 1,
    );
    expect(reader.gaps[0]).toMatchObject({
      reason: "refused",
      records: 1000,
      firstSequence: 1,
      lastSequence: 1,
    });
    await sensor.stop();
  });
});

describe("a server with access control", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let nats: NatsProcess;

  beforeEach(() => {
    folder = temporaryFolder();
  });

  afterEach(async () => {
    await nats.stop();
    folder.remove();
  });

  function sensorWith(login: object): ExportingSensor {
    const spoolFolder = join(folder.path, "spool");
    return new ExportingSensor(
      sensorConfigSchema.parse({
        name: "s1",
        nats: [nats.url],
        spoolFolder,
        publishTimeoutMs: 200,
        ...login,
      }),
    );
  }

  it("that refuses the credentials ends the sensor with one line", async () => {
    nats = await startNats({ config: 'authorization { user: "a", password: "b" }' });
    const sensor = sensorWith({ natsUser: "a", natsPassword: "x" });
    await waitUntil("the failure", () => sensor.faults.length > 0);
    expect(sensor.faults[0].code).toBe("CREDENTIALS_REFUSED");
    expect(sensor.faults[0].message).not.toContain("\n");
    await sensor.stop();
  });

  it("that denies the flows' subject is named", async () => {
    const permissions = 'permissions: { publish: ["picket.status.>"], subscribe: ["_INBOX_s1.>"] }';
    nats = await startNats({
      config: `authorization { users: [ { user: "a", password: "b", ${permissions} } ] }`,
    });
    const sensor = sensorWith({ natsUser: "a", natsPassword: "b" });
    sensor.export(1);
    await waitUntil("the denial", () => sensor.denials.some((line) => line.includes("picket.flows.v1.s1")));
    await waitUntil("the fault", () => sensor.exporter.fault?.includes("does not acknowledge") === true);
    await sensor.stop(200);
  });

  it.skipIf(!hasOpenssl)("is spoken to by TLS when its authority is known, and not otherwise", async () => {
    const certificate = join(folder.path, "cert.pem");
    const key = join(folder.path, "key.pem");
    const subject = "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1";
    const kind = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    const args = `${kind} ${subject} -keyout ${key} -out ${certificate}`.split(" ");
    execFileSync("openssl", args, { stdio: "ignore" });
    nats = await startNats({ config: `tls { cert_file: "${certificate}", key_file: "${key}" }` });
    const sensor = sensorWith({ natsTlsCaFile: certificate });
    await waitUntil("connected", () => sensor.exporter.fault === undefined);
    await sensor.stop();
    const stranger = sensorWith({});
    await waitUntil("a refusal", () => stranger.downs > 0 || stranger.faults.length > 0);
    expect(stranger.exporter.fault).toBeDefined();
    await stranger.stop();
  });
});
