import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { batchBytesMax } from "@picket/proto/batch/flow-columns.js";
import { AppliedWatermark } from "@picket/proto/generated/picket/v1/sensor.js";
import { totalsOf } from "@picket/sensor/capture/live-batch.js";
import { DiskSpool } from "@picket/sensor/export/disk-spool.js";
import type { FlowTotals } from "@picket/sensor/export/gap.js";
import { MemorySpool } from "@picket/sensor/export/memory-spool.js";
import { NatsExporter } from "@picket/sensor/export/nats-exporter.js";
import type { Spool } from "@picket/sensor/export/spool.js";
import { createLog, RateLimitedLog } from "@picket/sensor/log.js";
import { FleetFlows } from "../scenarios/fleet-flows.js";
import { startNats } from "../servers/nats-server.js";
import { median, rounded, type Benchmark } from "./benchmark.js";

const sensor = "host-0";
const recordsPerBatch = 200;
/** Of the steady run: more and smaller batches than a sensor makes of them. */
const flowsPerSecond = 2000;
const steadySeconds = 20;
const watermarkEveryMs = 1000;
const inFlightMax = 128;
const warmUpBatches = 1000;

interface MadeBatch {
  readonly bytes: Uint8Array;
  readonly totals: FlowTotals;
}

/** What spool and publish cost, and how fast they are with and without a disk. */
export const exportSpool: Benchmark = {
  name: "export-spool",
  summary: "flows a second through spool and publish, disk against memory; CPU at 2,000 flows/s",
  defaults: { flows: 1_000_000 },
  async run({ runs, flows }) {
    const nats = await startNats();
    const connection = await connect({ servers: nats.url });
    const batches = makeBatches(Math.ceil(flows / recordsPerBatch));
    const disk: number[] = [];
    const memory: number[] = [];
    try {
      // Both ways are compiled before they are compared.
      for (const kind of ["disk", "memory"] as const)
        await throughput(connection, kind, batches.slice(0, warmUpBatches));
      for (let run = 0; run < runs; run++) {
        disk.push(await throughput(connection, "disk", batches));
        memory.push(await throughput(connection, "memory", batches));
      }
      const share = await steadyCpuShare(connection, batches);
      return {
        metric: "flow records a second of wall time until acknowledged; ratio is disk to memory",
        unit: "flows/s",
        measurements: [
          { label: "spool on disk", values: disk },
          { label: "spool in memory", values: memory },
        ],
        value: rounded(median(disk)),
        peers: { memory: rounded(median(memory)) },
        ratio: { memory: rounded(median(disk) / median(memory)) },
        apart: { steadyCpuPercent: rounded(share * 100) },
        runs,
        notes: [
          `${batches.length} batches of ${recordsPerBatch} flows, ${inFlightMax} in flight, to a stream on the same machine`,
          `spool, publish and acknowledgements at ${flowsPerSecond} flows/s take ${rounded(share * 100)} % of a core (${steadySeconds} s)`,
        ],
      };
    } finally {
      await connection.close();
      await nats.stop();
    }
  },
};

function makeBatches(count: number): MadeBatch[] {
  const flows = new FleetFlows({
    seed: 5,
    sensors: 1,
    failedShare: 0.1,
    recordsPerBatch,
    startMs: Date.now(),
    flowsPerSecond,
  });
  const scratch = new Uint8Array(batchBytesMax);
  return Array.from({ length: count }, () => {
    const { columns } = flows.next().builder;
    return { bytes: encodeFlowBatch(columns, scratch).slice(), totals: totalsOf(columns) };
  });
}

/** An exporter on a stream of its own, told once a second that everything is applied. */
class Exporting {
  readonly exporter: NatsExporter;
  readonly #folder = mkdtempSync(join(tmpdir(), "picket-bench-spool-"));
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly connection: NatsConnection,
    kind: "disk" | "memory",
  ) {
    const epoch = randomBytes(16);
    const nowUs = (): number => Date.now() * 1000;
    const options = { folder: this.#folder, bytesMax: 256 << 20, memoryBytesMax: 16 << 20, epoch, nowUs };
    const spool: Spool = kind === "disk" ? DiskSpool.open(options) : new MemorySpool(options.memoryBytesMax);
    this.exporter = new NatsExporter({
      sensor,
      epoch,
      spool,
      inboxPrefix: "_INBOX_bench",
      inFlightMax,
      inFlightBytesMax: 8 << 20,
      timeoutMs: 5000,
      log: new RateLimitedLog(createLog("warn")),
      nowUs,
    });
    this.#timer = setInterval(() => this.#sayApplied(), watermarkEveryMs);
  }

  async start(): Promise<void> {
    const manager = await jetstreamManager(this.connection);
    await manager.streams.add({
      name: "FLOWS",
      subjects: ["picket.flows.v1.*", "picket.gaps.v1.*"],
      max_bytes: 1024 ** 3,
      duplicate_window: 120e9,
    });
    this.exporter.start();
    this.exporter.onUp(this.connection);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.exporter.stop(5000);
    rmSync(this.#folder, { recursive: true });
    await (await jetstreamManager(this.connection)).streams.delete("FLOWS");
  }

  #sayApplied(): void {
    const { epoch, counters } = this.exporter;
    const watermark = {
      epoch: Buffer.from(epoch),
      floorSequence: BigInt(counters.batchesAcknowledged),
      timeUs: 1n,
    };
    this.connection.publish(`picket.applied.v1.${sensor}`, AppliedWatermark.encode(watermark).finish());
  }
}

/** As fast as there is room in flight. */
async function throughput(
  connection: NatsConnection,
  kind: "disk" | "memory",
  batches: readonly MadeBatch[],
): Promise<number> {
  const exporting = new Exporting(connection, kind);
  await exporting.start();
  const { exporter } = exporting;
  const startMs = performance.now();
  for (const { bytes, totals } of batches) {
    while (exporter.inFlight.batches >= inFlightMax) await new Promise((resolve) => setImmediate(resolve));
    exporter.exportBatch(bytes, totals);
  }
  while (exporter.counters.batchesAcknowledged < batches.length)
    await new Promise((resolve) => setImmediate(resolve));
  const seconds = (performance.now() - startMs) / 1000;
  await exporting.stop();
  return (batches.length * recordsPerBatch) / seconds;
}

/** CPU time of this process, user and system, as a share of one core, at a steady rate with the disk. */
async function steadyCpuShare(connection: NatsConnection, batches: readonly MadeBatch[]): Promise<number> {
  const exporting = new Exporting(connection, "disk");
  await exporting.start();
  const everyMs = (1000 * recordsPerBatch) / flowsPerSecond;
  const startMs = performance.now();
  const start = process.cpuUsage();
  for (let i = 0; performance.now() - startMs < steadySeconds * 1000; i++) {
    const { bytes, totals } = batches[i % batches.length];
    exporting.exporter.exportBatch(bytes, totals);
    await delay(Math.max(0, startMs + (i + 1) * everyMs - performance.now()));
  }
  const { user, system } = process.cpuUsage(start);
  const share = (user + system) / 1000 / (performance.now() - startMs);
  await exporting.stop();
  return share;
}
