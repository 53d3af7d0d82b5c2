import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { NatsConnection } from "@nats-io/transport-node";
import type { PicketError } from "@picket/proto/picket-error.js";
import { MonotonicWallClock } from "./capture/live-clock.js";
import { hostAddresses } from "./capture/live-interfaces.js";
import { LiveMeter } from "./capture/live-meter.js";
import { meterDefaults, snakeCaseCounters, type SensorCounters } from "./capture/live-settings.js";
import { spoolFolderOf, withName, type SensorConfig } from "./config.js";
import { DiskSpool } from "./export/disk-spool.js";
import { MemorySpool } from "./export/memory-spool.js";
import { NatsExporter } from "./export/nats-exporter.js";
import { inboxPrefixOf, NatsLink } from "./export/nats-link.js";
import type { Spool } from "./export/spool.js";
import { statusSubject } from "./export/subjects.js";
import { NetworkWatch } from "./host/network-watch.js";
import { createLog, RateLimitedLog, type Logger } from "./log.js";
import { SensorMetrics } from "./metrics.js";
import { PolicyClient } from "./status/policy-client.js";
import type { PolicySlice } from "./status/policy-slice.js";
import { PacketRate, stateOf, type SensorStatus } from "./status/sensor-status.js";
import { encodeStatus } from "./status/status-codec.js";

const version = "0.1.0";

/**
 * Runs a sensor until `signal` aborts or nothing can help it: the meter in a
 * child process, spool and NATS here. Resolves to the exit code 0; throws
 * PicketError for a wrong configuration before anything was started, and for
 * refused credentials or a server too old after everything was stopped.
 */
export async function runSensor(config: SensorConfig, signal: AbortSignal): Promise<number> {
  const sensor = new Sensor(withName(config), createLog(config.logLevel));
  await sensor.start();
  const failure = await sensor.untilDone(signal);
  await sensor.stop();
  if (failure !== undefined) throw failure;
  return 0;
}

class Sensor {
  readonly #clock = new MonotonicWallClock();
  readonly #startedUs = this.#clock.nowUs();
  readonly #epoch = randomBytes(16);
  readonly #rate = new PacketRate();
  readonly #limited: RateLimitedLog;
  readonly #meter: LiveMeter;
  readonly #link: NatsLink;
  readonly #policy: PolicyClient;
  readonly #metrics: SensorMetrics;
  readonly #networkWatch: NetworkWatch;
  #spool: Spool | undefined;
  #exporter: NatsExporter | undefined;
  #connection: NatsConnection | undefined;
  #isUp = false;
  #policyRevision = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #onFatal: (error: PicketError) => void = () => {};
  readonly #fatal = new Promise<PicketError>((resolve) => (this.#onFatal = resolve));

  constructor(
    private readonly config: SensorConfig,
    private readonly log: Logger,
  ) {
    this.#limited = new RateLimitedLog(log);
    this.#meter = new LiveMeter(
      {
        ...meterDefaults,
        interface: config.interface,
        capture: config.capture,
        ringBytes: config.ringBytes,
        promiscuous: config.promiscuous,
        tableFlowsMax: config.tableFlowsMax,
      },
      {
        onBatch: (batch) => this.#exporter?.exportBatch(batch.bytes, batch.totals),
        onLoss: (reason, totals) =>
          this.#exporter?.exportGap({ ...totals, firstSequence: 0, lastSequence: 0, reason }),
        onState: (state) => {
          if (state.kind === "running")
            log.info(`capturing on ${this.#meter.interface} through ${this.#meter.backend}`);
          else log.warn(`waiting: ${state.reason}`);
          this.#sendStatus();
        },
        onWarning: (line) => log.warn(line),
      },
    );
    this.#link = new NatsLink(config, {
      onUp: (connection, isFirst) => this.#onUp(connection, isFirst),
      onDown: (reason) => this.#onDown(reason),
      onDenied: (reason) => this.#limited.warn("denied", `${reason}: give the sensor's account the right`),
      onFatal: (error) => this.#onFatal(error),
    });
    this.#policy = new PolicyClient(config.name, (slice) => this.#follow(slice), this.#limited);
    this.#networkWatch = new NetworkWatch((line) => log.warn(line));
    this.#metrics = new SensorMetrics(config.name, () => this.#counters());
  }

  /** Everything that may be wrong with the configuration throws here, with nothing left running. */
  async start(): Promise<void> {
    this.#meter.check();
    if (this.config.metricsListen !== "") await this.#metrics.listen(this.config.metricsListen);
    try {
      this.#spool = this.#openSpool();
    } catch (error) {
      await this.#metrics.close();
      throw error;
    }
    this.#exporter = this.#newExporter(this.#spool);
    this.#exporter.start();
    this.#link.start();
    this.#meter.start();
    this.#heartbeat = setInterval(() => this.#sendStatus(), this.config.statusIntervalMs);
  }

  /** Resolves when told to stop, or to the failure that no retry helps. */
  untilDone(signal: AbortSignal): Promise<PicketError | undefined> {
    const aborted = new Promise<undefined>((resolve) => {
      if (signal.aborted) resolve(undefined);
      signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    return Promise.race([aborted, this.#fatal]);
  }

  /** In the direction of the flow: the meter ends its flows, the exporter delivers what it can. */
  async stop(): Promise<void> {
    clearInterval(this.#heartbeat);
    this.#policy.stop();
    await this.#meter.stop();
    await this.#exporter?.stop(this.config.stopDeadlineMs);
    this.#publishStatus({ state: "stopped", detail: "" });
    await this.#connection?.flush().catch(() => {});
    await this.#link.stop();
    await this.#metrics.close();
    this.log.info("stopped");
  }

  #openSpool(): Spool {
    const { spoolBytesMax: bytesMax, spoolMemoryBytesMax: memoryBytesMax } = this.config;
    if (this.config.spool === "memory") return new MemorySpool(memoryBytesMax);
    const folder = spoolFolderOf(this.config);
    const nowUs = () => this.#clock.nowUs();
    return DiskSpool.open({ folder, bytesMax, memoryBytesMax, epoch: this.#epoch, nowUs });
  }

  #newExporter(spool: Spool): NatsExporter {
    return new NatsExporter({
      sensor: this.config.name,
      epoch: this.#epoch,
      spool,
      inboxPrefix: inboxPrefixOf(this.config),
      inFlightMax: this.config.publishInFlightMax,
      inFlightBytesMax: this.config.publishInFlightBytesMax,
      timeoutMs: this.config.publishTimeoutMs,
      retainMs: this.config.spoolRetainMs,
      log: this.#limited,
      nowUs: () => this.#clock.nowUs(),
    });
  }

  #onUp(connection: NatsConnection, isFirst: boolean): void {
    this.#connection = connection;
    this.#isUp = true;
    this.log.info(`${isFirst ? "connected" : "connected again"} to nats at ${connection.getServer()}`);
    this.#exporter?.onUp(connection);
    this.#policy.onUp(connection);
    this.#sendStatus();
  }

  #onDown(reason: string): void {
    this.#isUp = false;
    this.#exporter?.onDown(reason);
    this.#limited.warn("nats", `${reason}; spooling and trying again`);
  }

  #follow(slice: PolicySlice): void {
    if (slice.revision !== this.#policyRevision) this.log.info(`following policy revision ${slice.revision}`);
    this.#policyRevision = slice.revision;
    this.#meter.update({
      activeTimeoutMs: slice.activeTimeoutMs ?? meterDefaults.activeTimeoutMs,
      idleTimeoutMs: slice.idleTimeoutMs ?? meterDefaults.idleTimeoutMs,
      holdTimeoutMs: slice.holdTimeoutMs ?? meterDefaults.holdTimeoutMs,
      filter: slice.filter ?? meterDefaults.filter,
      snapLengthBytes: slice.snapLengthBytes ?? meterDefaults.snapLengthBytes,
      hostNames: slice.hostNames ?? meterDefaults.hostNames,
      hostNamesPerSecond: slice.hostNamesPerSecond ?? meterDefaults.hostNamesPerSecond,
    });
  }

  #counters(): SensorCounters {
    const inFlight = this.#exporter?.inFlight;
    return {
      ...this.#meter.counters,
      ...snakeCaseCounters(this.#exporter?.counters ?? {}),
      ...snakeCaseCounters(this.#spool?.counters ?? {}),
      publish_in_flight: inFlight?.batches ?? 0,
      publish_in_flight_bytes: inFlight?.bytes ?? 0,
      ...this.#networkWatch.counters,
    };
  }

  #sendStatus(): void {
    const state = this.#meter.state;
    const fault = this.#meter.fault ?? this.#exporter?.fault;
    this.#publishStatus(stateOf(state.kind === "waiting" ? state.reason : undefined, fault));
  }

  #publishStatus(state: Pick<SensorStatus, "state" | "detail">): void {
    const connection = this.#connection;
    // The client would keep heartbeats for later; they are worth nothing then.
    if (connection === undefined || !this.#isUp) return;
    const counters = this.#counters();
    const { networks } = this.#networkWatch;
    const nowUs = this.#clock.nowUs();
    const status = encodeStatus({
      ...state,
      epoch: this.#epoch,
      version,
      timeUs: nowUs,
      startedUs: this.#startedUs,
      host: hostname(),
      interfaces: [this.#meter.interface],
      hostAddresses: hostAddresses(),
      linkNetworks: networks.link,
      routedNetworks: networks.routed,
      counters,
      policyRevision: this.#policyRevision,
      packetsPerSecond: this.#rate.next(counters["packets_received"] ?? 0, nowUs),
    });
    connection.publish(statusSubject(this.config.name), status);
  }
}
