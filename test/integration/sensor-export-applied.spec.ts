import { cpSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DiscardPolicy, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { AppliedWatermark } from "@picket/proto/generated/picket/v1/sensor.js";
import { sensorConfigSchema, type SensorConfig } from "@picket/sensor/config.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNats, type NatsProcess } from "../servers/nats-server.js";
import { ExportingSensor } from "./exporting-sensor.js";
import { connectTest, createFlowStream, FlowReader, temporaryFolder, waitUntil } from "./sensor-harness.js";

/** What the server loses of its time; more for a longer run. */
const rolledBackMs = Number(process.env["PICKET_ROLLBACK_MS"] ?? 1000);

describe("what the stream acknowledged", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let storeDir: string;
  let nats: NatsProcess;
  let connection: NatsConnection;
  let reader: FlowReader;
  let config: SensorConfig;
  let sensor: ExportingSensor;

  beforeEach(async () => {
    folder = temporaryFolder();
    storeDir = join(folder.path, "store");
    nats = await startNats({ storeDir });
    connection = await connectTest(nats.url);
    reader = new FlowReader();
    config = sensorConfigSchema.parse({
      name: "s1",
      nats: [nats.url],
      spoolFolder: join(folder.path, "spool"),
      publishTimeoutMs: 500,
    });
    await createFlowStream(connection);
    sensor = new ExportingSensor(config);
    await waitUntil("connected", () => sensor.exporter.fault === undefined);
  });

  afterEach(async () => {
    await sensor.stop();
    await reader.stop();
    await connection.close();
    await nats.stop();
    folder.remove();
  });

  async function exportAcknowledged(batches: number): Promise<void> {
    const { counters } = sensor.exporter;
    const before = counters.batchesAcknowledged;
    sensor.export(batches);
    await waitUntil("acknowledged", () => counters.batchesAcknowledged === before + batches);
  }

  async function sayApplied(floorSequence: number): Promise<void> {
    const epoch = Buffer.from(sensor.exporter.epoch);
    const watermark = { epoch, floorSequence: BigInt(floorSequence), timeUs: BigInt(Date.now() * 1000) };
    connection.publish("picket.applied.v1.s1", AppliedWatermark.encode(watermark).finish());
    await connection.flush();
  }

  /** Every sequence the stream has, in order, when it has so many. */
  async function storedSequences(batches: number): Promise<number[]> {
    await reader.start(nats.url);
    const sequences = () => new Set(reader.batches.map(({ sequence }) => sequence));
    await waitUntil(`${batches} batches`, () => sequences().size >= batches, 30_000);
    expect(reader.batches).toHaveLength(sequences().size);
    return [...sequences()].sort((a, b) => a - b);
  }

  const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

  it("stays in the spool until a correlator says that it is applied", async () => {
    await exportAcknowledged(30);
    expect(sensor.spool.counters.acknowledgedItems).toBe(30);
    await sayApplied(29);
    await waitUntil("it is heard", () => sensor.exporter.counters.appliedSequence === 29);
    expect(sensor.spool.counters.acknowledgedItems).toBe(30);
    await sayApplied(30);
    await waitUntil("an empty spool", () => sensor.spool.counters.acknowledgedItems === 0);
    await sensor.stop();
    expect(readdirSync(config.spoolFolder)).toEqual([]);
  });

  it("leaves the spool after a time when no correlator says anything", async () => {
    await sensor.stop();
    sensor = new ExportingSensor({ ...config, spoolRetainMs: 1000 });
    await waitUntil("connected", () => sensor.exporter.fault === undefined);
    await exportAcknowledged(30);
    expect(sensor.spool.counters.acknowledgedItems).toBe(30);
    await waitUntil("an empty spool", () => sensor.spool.counters.acknowledgedItems === 0, 5000);
  });

  it("does not leave the spool by time while the server is away", async () => {
    await sensor.stop();
    sensor = new ExportingSensor({ ...config, spoolRetainMs: 1000 });
    await waitUntil("connected", () => sensor.exporter.fault === undefined);
    await exportAcknowledged(30);
    await nats.kill();
    rmSync(storeDir, { recursive: true });
    await delay(2000);
    await nats.restart();
    const again = await connectTest(nats.url);
    await createFlowStream(again);
    await again.close();
    expect(await storedSequences(30)).toEqual(upTo(30));
  });

  it(
    "and lost by a server that was rolled back arrives again, once",
    async () => {
      await exportAcknowledged(100);
      await sayApplied(50);
      const copy = join(folder.path, "copy");
      cpSync(storeDir, copy, { recursive: true });
      for (let i = 0; i < 40; i++) {
        await exportAcknowledged(10);
        await delay(rolledBackMs / 40);
      }
      await nats.kill();
      sensor.export(50);
      rmSync(storeDir, { recursive: true });
      cpSync(copy, storeDir, { recursive: true });
      await nats.restart();
      expect(await storedSequences(550)).toEqual(upTo(550));
      await waitUntil("every acknowledgement", () => sensor.exporter.counters.batchesAcknowledged >= 550);
      expect(sensor.exporter.counters).toMatchObject({ batchesDuplicate: 0, batchesAcknowledged: 550 });
      expect(sensor.exporter.counters.batchesResent).toBeGreaterThanOrEqual(400);
      expect(reader.gaps).toEqual([]);
    },
    60_000 + rolledBackMs,
  );

  it("and lost with a stream that was made anew arrives again, although the connection stood", async () => {
    await exportAcknowledged(100);
    await (await jetstreamManager(connection)).streams.delete("FLOWS");
    await createFlowStream(connection);
    sensor.export(1);
    expect(await storedSequences(101)).toEqual(upTo(101));
  });
});

describe("a stream that takes nothing now", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let nats: NatsProcess;
  let connection: NatsConnection;
  let reader: FlowReader;

  beforeEach(async () => {
    folder = temporaryFolder();
    nats = await startNats();
    connection = await connectTest(nats.url);
    reader = new FlowReader();
    await createFlowStream(connection);
  });

  afterEach(async () => {
    await reader.stop();
    await connection.close();
    await nats.stop();
    folder.remove();
  });

  const full = { discard: DiscardPolicy.New };
  const limits = [
    ["is full", { ...full, max_bytes: 20_000 }, { max_bytes: 256 << 20 }, /maximum bytes exceeded/],
    [
      "has a quota for each sensor",
      { ...full, discard_new_per_subject: true, max_msgs_per_subject: 20 },
      { max_msgs_per_subject: 1000 },
      /maximum messages per subject exceeded/,
    ],
  ] as const;

  it.each(limits)(
    "because it %s is named, and given everything later",
    async (_, limit, room, reason) => {
      const manager = await jetstreamManager(connection);
      await manager.streams.update("FLOWS", limit);
      const config = sensorConfigSchema.parse({ name: "s1", nats: [nats.url], spoolFolder: folder.path });
      const sensor = new ExportingSensor(config);
      await waitUntil("connected", () => sensor.exporter.fault === undefined);
      sensor.export(200);
      await waitUntil("a fault", () => reason.test(sensor.exporter.fault ?? ""), 5000);
      const retried = sensor.exporter.counters.batchesRetried;
      await waitUntil("another try", () => sensor.exporter.counters.batchesRetried > retried);
      expect(sensor.exporter.counters.batchesAcknowledged).toBeLessThan(200);
      await manager.streams.update("FLOWS", room);
      await reader.start(nats.url);
      await waitUntil("all batches", () => reader.batches.length === 200, 30_000);
      expect(new Set(reader.batches.map(({ sequence }) => sequence)).size).toBe(200);
      expect(sensor.exporter.counters).toMatchObject({ batchesDuplicate: 0, batchesRefused: 0 });
      expect(sensor.exporter.fault).toBeUndefined();
      await sensor.stop();
    },
    60_000,
  );
});
