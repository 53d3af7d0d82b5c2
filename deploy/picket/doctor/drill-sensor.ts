import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

import type { NatsConnection } from "@nats-io/transport-node";
import { encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { batchBytesMax, type FlowColumns } from "@picket/proto/batch/flow-columns.js";
import type { PicketError } from "@picket/proto/picket-error.js";
import { totalsOf } from "@picket/sensor/capture/live-batch.js";
import { sensorConfigSchema, type SensorConfig } from "@picket/sensor/config.js";
import { DiskSpool } from "@picket/sensor/export/disk-spool.js";
import { NatsExporter } from "@picket/sensor/export/nats-exporter.js";
import { inboxPrefixOf, NatsLink } from "@picket/sensor/export/nats-link.js";
import { statusSubject } from "@picket/sensor/export/subjects.js";
import { createLog, RateLimitedLog } from "@picket/sensor/log.js";
import { encodeStatus } from "@picket/sensor/status/status-codec.js";

import type { DoctorConfig } from "./doctor-config.js";

const stopDeadlineMs = 2000;

/** Everything of a sensor but the meter, for as long as a drill takes: spool, exporter, heartbeat. */
export class DrillSensor {
  readonly name: string;
  readonly epoch = randomBytes(16);
  /** When it started, microseconds since the Unix epoch: tells it from earlier drills of its name. */
  readonly startedUs = Date.now() * 1000;
  /** What NATS said against it; undefined while it says nothing. */
  refusal: string | undefined;
  readonly #folder: string;
  readonly #exporter: NatsExporter;
  readonly #link: NatsLink;
  #connection: NatsConnection | undefined;

  private constructor(config: SensorConfig, folder: string) {
    this.#folder = folder;
    this.name = config.name;
    const nowUs = (): number => Date.now() * 1000;
    const { spoolBytesMax: bytesMax, spoolMemoryBytesMax: memoryBytesMax } = config;
    this.#exporter = new NatsExporter({
      sensor: config.name,
      epoch: this.epoch,
      spool: DiskSpool.open({ folder, bytesMax, memoryBytesMax, epoch: this.epoch, nowUs }),
      inboxPrefix: inboxPrefixOf(config),
      inFlightMax: config.publishInFlightMax,
      inFlightBytesMax: config.publishInFlightBytesMax,
      timeoutMs: config.publishTimeoutMs,
      log: new RateLimitedLog(createLog("error")),
      nowUs,
    });
    this.#link = new NatsLink(config, {
      onUp: (connection) => {
        this.#connection = connection;
        this.#exporter.onUp(connection);
      },
      onDown: (reason) => this.#exporter.onDown(reason),
      onDenied: (reason) => (this.refusal = reason),
      onFatal: (error: PicketError) => (this.refusal = error.message),
    });
  }

  /** Begins to connect. Throws PicketError for credentials that cannot be read. */
  static async start(config: DoctorConfig): Promise<DrillSensor> {
    const folder = await mkdtemp(join(tmpdir(), "picket-doctor-"));
    try {
      const sensor = new DrillSensor(sensorConfigOf(config, folder), folder);
      sensor.#exporter.start();
      sensor.#link.start();
      return sensor;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** Why nothing is acknowledged; undefined when it is. */
  get fault(): string | undefined {
    return this.refusal ?? this.#exporter.fault;
  }

  get acknowledgedBatches(): number {
    return this.#exporter.counters.batchesAcknowledged;
  }

  exportBatch(columns: FlowColumns): void {
    this.#exporter.exportBatch(encodeFlowBatch(columns, new Uint8Array(batchBytesMax)), totalsOf(columns));
  }

  sendStatus(state: "running" | "stopped"): void {
    const status = encodeStatus({
      state,
      detail: "a drill of picket doctor",
      epoch: this.epoch,
      version: "0.1.0",
      timeUs: Date.now() * 1000,
      startedUs: this.startedUs,
      host: hostname(),
      interfaces: [],
      hostAddresses: [],
      linkNetworks: [],
      routedNetworks: [],
      counters: {},
      policyRevision: 0,
      packetsPerSecond: 0,
    });
    this.#connection?.publish(statusSubject(this.name), status);
  }

  /** Says that it stopped, and leaves nothing on this host. */
  async stop(): Promise<void> {
    this.sendStatus("stopped");
    await this.#connection?.flush().catch(() => {});
    await this.#exporter.stop(stopDeadlineMs);
    await this.#link.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** One name a host, so that the sensors known do not grow with every drill. */
function defaultName(): string {
  return `doctor-${hostname()
    .split(".")[0]
    .replace(/[^A-Za-z0-9_-]/g, "-")}`.slice(0, 64);
}

/** Its own credentials where any is given, else those of the doctor. */
function sensorConfigOf(config: DoctorConfig, spoolFolder: string): SensorConfig {
  const own = {
    natsUser: config.sensorNatsUser,
    natsPassword: config.sensorNatsPassword,
    natsToken: config.sensorNatsToken,
    natsCredentialsFile: config.sensorNatsCredentialsFile,
    natsNkeyFile: config.sensorNatsNkeyFile,
  };
  const { natsUser, natsPassword, natsToken, natsCredentialsFile, natsNkeyFile } = config;
  const isOwn = Object.values(own).some((value) => value !== "");
  return sensorConfigSchema.parse({
    name: config.sensorName || defaultName(),
    nats: config.nats,
    ...(isOwn ? own : { natsUser, natsPassword, natsToken, natsCredentialsFile, natsNkeyFile }),
    natsTlsCaFile: config.natsTlsCaFile,
    natsTlsCertificateFile: config.natsTlsCertificateFile,
    natsTlsKeyFile: config.natsTlsKeyFile,
    spoolFolder,
  });
}
