import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { ApiClient } from "@picket/api/cli/api-client.js";
import { correlatorsConsumer, flowsStream } from "@picket/correlator/adapters/nats/subjects.js";
import {
  WatchIncidentsRequest,
  type WatchIncidentsResponse,
} from "@picket/proto/generated/picket/v1/incident.js";
import { createClient } from "redis";
import { kindsLeftOut, planAttacks, type PlannedAttack } from "../scenarios/attack-plan.js";
import { hostFlowsPerMinute } from "../scenarios/host-habits.js";
import { FleetPublisher, type PublishCounters } from "./fleet-publisher.js";
import { startFleetSystem, type FleetSystem, type FleetSystemSettings } from "./fleet-system.js";
import { FleetTraffic } from "./fleet-traffic.js";
import { FleetVerdict, type FleetFindings } from "./fleet-verdict.js";
import { VirtualSensors } from "./virtual-sensors.js";

/** What a fleet is and does. */
export interface FleetSettings extends FleetSystemSettings {
  readonly seed: number;
  readonly sensors: number;
  /** New flows a second of all sensors; default: 25 a minute of each host, as measured on real ones. */
  readonly flowsPerSecond?: number;
  readonly runMs: number;
  /** Names of the attacks; undefined: every one that suits the fleet. */
  readonly attacks?: readonly string[];
  readonly repeat: number;
  /** Before the first attack; traffic grows to its rate meanwhile, milliseconds. */
  readonly quietMs: number;
  /** Connections to NATS that the sensors share. */
  readonly connections: number;
  readonly statusEveryMs: number;
}

export const fleetDefaults = {
  seed: 1,
  sensors: 1000,
  runMs: 60_000,
  repeat: 1,
  quietMs: 10_000,
  connections: 4,
  statusEveryMs: 2000,
  correlators: 1,
} as const;

/** What a run was and what came of it. */
export interface FleetResult extends FleetFindings {
  readonly seed: number;
  readonly sensors: number;
  readonly correlators: number;
  /** Attacks of the default list that do not suit a fleet of this size. */
  readonly leftOut: readonly string[];
  /** From the end of the quiet time to the end of the traffic: what rates and costs are of. */
  readonly seconds: number;
  readonly flowsPerSecond: number;
  readonly recordsPerSecond: number;
  readonly batchesPerSecond: number;
  readonly bytesPerRecord: number;
  readonly recordsLost: number;
  /** Longest time the simulator itself was late, milliseconds. */
  readonly lateMs: number;
  /** Whether the correlators had taken in everything in time. */
  readonly isSettled: boolean;
  /** CPU seconds by process. */
  readonly cpuSeconds: Readonly<Record<string, number>>;
  readonly redisBytes: number;
  readonly redisKeys: number;
  /** Why the watch ended by itself, or what it missed. */
  readonly watchFault: string | undefined;
}

/** New flows a second of an ordinary fleet of this size. */
export function ordinaryFlowsPerSecond(sensors: number): number {
  return (sensors * (hostFlowsPerMinute.min + hostFlowsPerMinute.max)) / 2 / 60;
}

const stepMs = 10;
const progressEveryMs = 1000;
const settleMaxMs = 60_000;
/** A correlator looks at a window once more a second after the last change. */
const restMs = 3000;
/** What is still to be found is waited for so long. */
const restMaxMs = 10_000;
/** More than this on the way: the servers do not keep up, and the simulator waits. */
const inFlightMax = 20_000;

/** Runs a fleet; the signal ends its traffic early. Everything that it started has ended when it resolves. */
export async function runFleet(
  settings: FleetSettings,
  signal: AbortSignal = new AbortController().signal,
  onProgress: (line: string) => void = () => {},
): Promise<FleetResult> {
  const system = await startFleetSystem(settings);
  try {
    return await runOn(system, settings, signal, onProgress);
  } finally {
    await system.stop();
  }
}

async function runOn(
  system: FleetSystem,
  settings: FleetSettings,
  signal: AbortSignal,
  onProgress: (line: string) => void,
): Promise<FleetResult> {
  const publisher = await FleetPublisher.connect([system.nats], settings.connections);
  const observer = await connect({ servers: system.nats, name: "picket fleet observer" });
  const redis = createClient({ url: system.redis, socket: { reconnectStrategy: false } });
  redis.on("error", () => {});
  const client = new ApiClient({ server: system.api });
  try {
    await redis.connect();
    const run = new FleetRun(system, settings, publisher, client);
    const watch = run.watch();
    await run.go(signal, onProgress);
    const isSettled = await settled(publisher, observer, signal);
    await run.rest(signal);
    watch.cancel();
    const memory = /used_memory:(\d+)/.exec(await redis.info("memory"))?.[1];
    return { ...run.result(), isSettled, redisBytes: Number(memory), redisKeys: await redis.dbSize() };
  } finally {
    client.close();
    if (redis.isOpen) redis.destroy();
    await observer.close();
    await publisher.close();
  }
}

interface Mark {
  readonly atMs: number;
  readonly flows: number;
  readonly published: PublishCounters;
  readonly cpuSeconds: Readonly<Record<string, number>>;
}

/** One run on a system that stands. */
class FleetRun {
  readonly #sensors: VirtualSensors;
  readonly #traffic: FleetTraffic;
  readonly #verdict: FleetVerdict;
  readonly #attacks: readonly PlannedAttack[];
  readonly #startMs = Date.now();
  #statuses = 0;
  #lateMs = 0;
  #watchFault: string | undefined;
  #begun: Mark | undefined;
  #ended: Mark | undefined;

  constructor(
    private readonly system: FleetSystem,
    private readonly settings: FleetSettings,
    private readonly publisher: FleetPublisher,
    private readonly client: ApiClient,
  ) {
    const { seed, sensors, runMs, quietMs, attacks: names, repeat } = settings;
    const { flowsPerSecond = ordinaryFlowsPerSecond(sensors) } = settings;
    const common = { seed, hosts: sensors, startMs: this.#startMs };
    this.#attacks = planAttacks({ ...common, runMs, quietMs, names, repeat });
    this.#sensors = new VirtualSensors(sensors);
    this.#traffic = new FleetTraffic({ ...common, flowsPerSecond, rampMs: quietMs }, this.#attacks);
    this.#verdict = new FleetVerdict(this.#attacks);
  }

  /** Follows WatchIncidents of the api; what it tells of times before this run is left out. */
  watch(): { cancel(): void } {
    const request = WatchIncidentsRequest.create({ cursor: "0", filter: { includeInactive: true } });
    const stream = this.client.incidents.watchIncidents(request);
    let isCancelled = false;
    const fail = (reason: string): void => {
      if (!isCancelled) this.#watchFault ??= reason;
    };
    stream.on("data", ({ event }: WatchIncidentsResponse) => {
      const arrivedMs = Date.now();
      if (event?.$case === "gap") fail(`missed ${event.gap.missedEvents} events: ${event.gap.reason}`);
      if (event?.$case !== "incidentEvent" || event.incidentEvent.incident === undefined) return;
      const { incident } = event.incidentEvent;
      if (Number(incident.lastSeenTime?.seconds ?? 0) * 1000 + 1000 >= this.#startMs)
        this.#verdict.take(incident, arrivedMs);
    });
    stream.on("error", (error: Error) => fail(error.message));
    stream.on("end", () => fail("the api ended the watch"));
    return {
      cancel: () => {
        isCancelled = true;
        stream.cancel();
      },
    };
  }

  /** Traffic from begin to end. */
  async go(signal: AbortSignal, onProgress: (line: string) => void): Promise<void> {
    const endMs = this.#startMs + this.settings.runMs;
    let progressMs = this.#startMs;
    for (let nowMs = this.#startMs; nowMs < endMs && !signal.aborted; nowMs = Date.now()) {
      this.#step(nowMs);
      if (this.#begun === undefined && nowMs - this.#startMs >= this.settings.quietMs)
        this.#begun = this.#mark();
      if (nowMs >= progressMs) {
        this.system.check();
        onProgress(this.#progress(nowMs));
        progressMs += progressEveryMs;
      }
      const dueMs = nowMs + stepMs;
      await delay(Math.max(1, dueMs - Date.now()));
      this.#lateMs = Math.max(this.#lateMs, Date.now() - dueMs);
      while (this.publisher.inFlight > inFlightMax && !signal.aborted) await delay(stepMs);
    }
    this.#ended = this.#mark();
    for (const batch of this.#sensors.batches(Number.POSITIVE_INFINITY)) void this.publisher.publish(batch);
  }

  /** Lets the correlators tell what they have. */
  async rest(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const begunMs = performance.now();
    await delay(restMs);
    while (!this.#verdict.isComplete && performance.now() - begunMs < restMaxMs) await delay(stepMs);
  }

  result(): Omit<FleetResult, "isSettled" | "redisBytes" | "redisKeys"> {
    const { seed, sensors, correlators, attacks } = this.settings;
    const ended = this.#ended ?? this.#mark();
    const begun = this.#begun ?? { ...ended, atMs: this.#startMs };
    const seconds = Math.max(0.001, (ended.atMs - begun.atMs) / 1000);
    const records = ended.published.records - begun.published.records;
    return {
      ...this.#verdict.findings(),
      seed,
      sensors,
      correlators,
      leftOut: attacks === undefined ? kindsLeftOut(sensors) : [],
      seconds,
      flowsPerSecond: (ended.flows - begun.flows) / seconds,
      recordsPerSecond: records / seconds,
      batchesPerSecond: (ended.published.batches - begun.published.batches) / seconds,
      bytesPerRecord: records === 0 ? 0 : (ended.published.bytes - begun.published.bytes) / records,
      recordsLost: this.publisher.counters.recordsLost,
      lateMs: this.#lateMs,
      cpuSeconds: Object.fromEntries(
        Object.entries(ended.cpuSeconds).map(([name, total]) => [
          name,
          total - (begun.cpuSeconds[name] ?? 0),
        ]),
      ),
      watchFault: this.#watchFault,
    };
  }

  #step(nowMs: number): void {
    for (const record of this.#traffic.until(nowMs)) this.#sensors.take(record);
    for (const batch of this.#sensors.batches(nowMs)) void this.publisher.publish(batch);
    const { sensors, statusEveryMs } = this.settings;
    const due = Math.floor(((nowMs - this.#startMs) * sensors) / statusEveryMs);
    for (; this.#statuses < due; this.#statuses++) {
      const sensor = this.#sensors.all[this.#statuses % sensors];
      this.publisher.sendStatus(sensor, sensor.recordsEmitted);
    }
  }

  #mark(): Mark {
    const { user, system } = process.cpuUsage();
    return {
      atMs: Date.now(),
      flows: this.#traffic.flows,
      published: { ...this.publisher.counters },
      cpuSeconds: { ...this.system.cpuSeconds(), simulator: (user + system) / 1e6 },
    };
  }

  #progress(nowMs: number): string {
    const { batches, records } = this.publisher.counters;
    const { attacks, falseIncidents } = this.#verdict.findings();
    const begun = this.#attacks.filter(({ startMs }) => startMs <= nowMs).length;
    return [
      `${Math.round((nowMs - this.#startMs) / 1000)} of ${this.settings.runMs / 1000} s`,
      `${this.#traffic.flows} flows`,
      `${records} records in ${batches} batches`,
      `${this.publisher.inFlight} on the way`,
      `attacks ${begun} begun, ${attacks.filter(({ isFound }) => isFound).length} of ${attacks.length} found`,
      `${falseIncidents.length} false`,
    ].join(" | ");
  }
}

/** True when everything was stored and acknowledged by the correlators in time; not waited for after a stop. */
async function settled(
  publisher: FleetPublisher,
  connection: NatsConnection,
  signal: AbortSignal,
): Promise<boolean> {
  const manager = await jetstreamManager(connection, { checkAPI: false });
  const deadlineMs = performance.now() + settleMaxMs;
  while (publisher.inFlight > 0 || (await pending(manager)) > 0) {
    if (signal.aborted || performance.now() > deadlineMs) return false;
    await delay(50);
  }
  return true;
}

async function pending(manager: JetStreamManager): Promise<number> {
  try {
    const info = await manager.consumers.info(flowsStream, correlatorsConsumer);
    return info.num_pending + info.num_ack_pending;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
