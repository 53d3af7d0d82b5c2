import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { NatsConnection } from "@nats-io/transport-node";
import { encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { batchBytesMax } from "@picket/proto/batch/flow-columns.js";
import { totalsOf } from "@picket/sensor/capture/live-batch.js";
import { sensorConfigSchema } from "@picket/sensor/config.js";
import type { SensorConfig } from "@picket/sensor/config.js";
import { DiskSpool } from "@picket/sensor/export/disk-spool.js";
import { NatsExporter } from "@picket/sensor/export/nats-exporter.js";
import { inboxPrefixOf, NatsLink } from "@picket/sensor/export/nats-link.js";
import { statusSubject } from "@picket/sensor/export/subjects.js";
import { createLog, RateLimitedLog } from "@picket/sensor/log.js";
import { stateOf } from "@picket/sensor/status/sensor-status.js";
import { encodeStatus } from "@picket/sensor/status/status-codec.js";
import { FleetFlows } from "../scenarios/fleet-flows.js";

/** What an exporting sensor is started with, as JSON in its first argument. */
export interface ExportingSensorSettings {
  /** Number of this sensor among them all; its name is "host-NUMBER". */
  readonly index: number;
  readonly sensors: number;
  readonly seed: number;
  readonly nats: readonly string[];
  readonly spoolFolder: string;
  readonly spoolBytesMax: number;
  readonly recordsPerSecond: number;
  readonly recordsPerBatch: number;
  readonly publishTimeoutMs: number;
}

/** What it says of itself four times a second. */
export interface ExportingSensorReport {
  /** Hexadecimal. */
  readonly epoch: string;
  /** What the feed gave to the exporter. */
  readonly recordsEmitted: number;
  readonly recordsAcknowledged: number;
  readonly recordsDroppedSpoolFull: number;
  readonly batchesDuplicate: number;
  readonly batchesRetried: number;
  readonly spoolBytes: number;
  readonly inFlight: number;
  readonly fault: string | undefined;
  readonly rssBytes: number;
  /** Whether the feed has ended for good. */
  readonly isFed: boolean;
}

/** "end": no more records, go on delivering; "stop": deliver what you can and leave. */
export type ExportingSensorOrder = "end" | "stop";

const reportEveryMs = 250;
const feedEveryMs = 10;
const statusEveryMs = 2000;
const stopDeadlineMs = 5000;
/** Few failures: windows and keys then stay as many as they are. */
const failedShare = 0.002;

/**
 * The exporting half of a sensor as a process of its own, spool and all, fed
 * with generated flows at a known rate instead of a meter. It ends with its
 * parent.
 */
class ExportingSensor {
  readonly #config: SensorConfig;
  readonly #epoch = randomBytes(16);
  readonly #startedUs = Date.now() * 1000;
  readonly #spool: DiskSpool;
  readonly #exporter: NatsExporter;
  readonly #link: NatsLink;
  readonly #flows: FleetFlows;
  readonly #scratch = new Uint8Array(batchBytesMax);
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #startMs = performance.now();
  #connection: NatsConnection | undefined;
  #isFed = false;
  #batches = 0;

  constructor(private readonly settings: ExportingSensorSettings) {
    const { index, nats, spoolFolder, spoolBytesMax, publishTimeoutMs } = settings;
    const name = `host-${index}`;
    this.#config = sensorConfigSchema.parse({ name, nats, spoolFolder, spoolBytesMax, publishTimeoutMs });
    const log = createLog("error");
    const nowUs = (): number => Date.now() * 1000;
    this.#spool = DiskSpool.open({
      folder: spoolFolder,
      bytesMax: spoolBytesMax,
      memoryBytesMax: this.#config.spoolMemoryBytesMax,
      epoch: this.#epoch,
      nowUs,
    });
    this.#exporter = new NatsExporter({
      sensor: name,
      epoch: this.#epoch,
      spool: this.#spool,
      inboxPrefix: inboxPrefixOf(this.#config),
      inFlightMax: this.#config.publishInFlightMax,
      inFlightBytesMax: this.#config.publishInFlightBytesMax,
      timeoutMs: publishTimeoutMs,
      log: new RateLimitedLog(log),
      nowUs,
    });
    this.#link = new NatsLink(this.#config, {
      onUp: (connection) => {
        this.#connection = connection;
        this.#exporter.onUp(connection);
      },
      onDown: (reason) => this.#exporter.onDown(reason),
      onFatal: (error) => {
        throw error;
      },
    });
    this.#flows = new FleetFlows({
      seed: settings.seed,
      sensors: settings.sensors,
      failedShare,
      recordsPerBatch: settings.recordsPerBatch,
      startMs: Date.now(),
      flowsPerSecond: settings.recordsPerSecond * settings.sensors,
      batchSpanMs: this.#batchSpanMs,
    });
  }

  start(): void {
    this.#exporter.start();
    this.#link.start();
    const every = (ms: number, act: () => void): number => this.#timers.push(setInterval(act, ms));
    every(feedEveryMs, () => this.#feed());
    every(reportEveryMs, () => process.send?.(this.#report()));
    every(statusEveryMs, () => this.#sendStatus());
  }

  end(): void {
    this.#isFed = true;
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#exporter.stop(stopDeadlineMs);
    await this.#link.stop();
  }

  get #batchSpanMs(): number {
    return (1000 * this.settings.recordsPerBatch) / this.settings.recordsPerSecond;
  }

  /** As many batches as the time says; a feed that was held up catches up. */
  #feed(): void {
    const dueBatches = Math.floor((performance.now() - this.#startMs) / this.#batchSpanMs);
    while (!this.#isFed && this.#batches < dueBatches) {
      this.#batches++;
      const { columns } = this.#nextBuilder();
      this.#exporter.exportBatch(encodeFlowBatch(columns, this.#scratch), totalsOf(columns));
    }
  }

  /** The fleet's sensors take turns; the others' batches are theirs to send. */
  #nextBuilder(): ReturnType<FleetFlows["next"]>["builder"] {
    for (;;) {
      const { sensor, builder } = this.#flows.next();
      if (sensor === this.#config.name) return builder;
    }
  }

  #report(): ExportingSensorReport {
    const { counters } = this.#exporter;
    return {
      epoch: Buffer.from(this.#epoch).toString("hex"),
      recordsEmitted: counters.recordsExported,
      recordsAcknowledged: counters.recordsAcknowledged,
      recordsDroppedSpoolFull: this.#spool.counters.recordsDroppedSpoolFull,
      batchesDuplicate: counters.batchesDuplicate,
      batchesRetried: counters.batchesRetried,
      spoolBytes: this.#spool.counters.spoolBytes,
      inFlight: this.#exporter.inFlight.batches,
      fault: this.#exporter.fault,
      rssBytes: process.memoryUsage.rss(),
      isFed: this.#isFed,
    };
  }

  #sendStatus(): void {
    if (this.#exporter.fault !== undefined) return;
    const status = encodeStatus({
      ...stateOf(undefined, undefined),
      epoch: this.#epoch,
      version: "0.1.0",
      timeUs: Date.now() * 1000,
      startedUs: this.#startedUs,
      host: hostname(),
      interfaces: [],
      hostAddresses: [],
      linkNetworks: [],
      routedNetworks: [],
      counters: {},
      policyRevision: 0,
      packetsPerSecond: 0,
    });
    this.#connection?.publish(statusSubject(this.#config.name), status);
  }
}

const sensor = new ExportingSensor(JSON.parse(process.argv[2]) as ExportingSensorSettings);
process.on("disconnect", () => process.exit(1));
process.on("message", (order: ExportingSensorOrder) => {
  sensor.end();
  if (order === "stop") void sensor.stop().then(() => process.exit(0));
});
sensor.start();
