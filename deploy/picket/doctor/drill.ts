import { setTimeout as delay } from "node:timers/promises";

import { Metadata } from "@grpc/grpc-js";
import type { Subscription } from "@nats-io/transport-node";
import type { ApiClient } from "@picket/api/cli/api-client.js";
import { decodeIncidentEvent } from "@picket/correlator/adapters/nats/incident-codec.js";
import type { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { appliedPrefix, incidentsSubject } from "@picket/correlator/adapters/nats/subjects.js";
import {
  IncidentFilter,
  WatchIncidentsRequest,
  type WatchIncidentsResponse,
} from "@picket/proto/generated/picket/v1/incident.js";
import {
  AppliedWatermark,
  WatchSensorsRequest,
  type Sensor,
  type WatchSensorsResponse,
} from "@picket/proto/generated/picket/v1/sensor.js";

import { failed, failedBy, passed, type OnCheck } from "./check.js";
import type { DoctorConfig } from "./doctor-config.js";
import { drillScan, type DrillScan } from "./drill-scan.js";
import { DrillSensor } from "./drill-sensor.js";

const pollMs = 20;

/** A step on the way of a drill: when it was seen, by `performance.now()`. */
interface Step {
  readonly name: string;
  /** What it proves. */
  readonly detail: string;
  /** What to do when it does not come. */
  readonly advice: string;
  readonly seenMs: () => number | undefined;
}

/**
 * Sends a synthetic scan through a sensor's whole exporting half and follows it:
 * stored by NATS, applied by a correlator, found to be an incident, served by
 * the api. The incident is a drill: hidden, never notified, closed by itself.
 * @param client undefined when the api does not answer
 */
export async function runDrill(
  config: DoctorConfig,
  link: NatsLink,
  client: ApiClient | undefined,
  onCheck: OnCheck,
): Promise<void> {
  let sensor: DrillSensor;
  try {
    sensor = await DrillSensor.start(config);
  } catch (error) {
    return onCheck(failedBy("drill", error, "check the credentials of the drill's sensor"));
  }
  const drill = new Drill(sensor, link, client, config.timeoutSeconds * 1000);
  try {
    await drill.run(onCheck);
  } finally {
    drill.stop();
    await sensor.stop();
  }
}

class Drill {
  readonly #scan: DrillScan = drillScan(Date.now());
  readonly #subscriptions: Subscription[] = [];
  readonly #stop = new AbortController();
  #sentMs = 0;
  #storedMs: number | undefined;
  #appliedMs: number | undefined;
  #foundMs: number | undefined;
  #servedMs: number | undefined;
  #listedMs: number | undefined;
  #incidentId = "";

  constructor(
    private readonly sensor: DrillSensor,
    private readonly link: NatsLink,
    private readonly client: ApiClient | undefined,
    private readonly timeoutMs: number,
  ) {}

  async run(onCheck: OnCheck): Promise<void> {
    this.#listen();
    const { sensor } = this;
    if (!(await this.#until(() => sensor.isConnected || sensor.refusal !== undefined)) || !sensor.isConnected)
      return onCheck(failed("drill sensor", sensor.fault ?? "cannot connect", "check its credentials"));
    this.#sentMs = performance.now();
    sensor.sendStatus("running");
    sensor.exportBatch(this.#scan.columns);
    for (const step of this.#steps()) if (!(await this.#report(step, onCheck))) break;
  }

  stop(): void {
    this.#stop.abort();
    for (const subscription of this.#subscriptions) if (this.link.isConnected) subscription.unsubscribe();
  }

  #steps(): Step[] {
    const { name } = this.sensor;
    const steps: Step[] = [
      {
        name: "drill stored",
        detail: `NATS acknowledged 40 records of ${name}`,
        advice: "see the streams above, and that the sensor's user may publish picket.flows.v1.NAME",
        seenMs: () =>
          (this.#storedMs ??= this.sensor.acknowledgedBatches > 0 ? performance.now() : undefined),
      },
      {
        name: "drill applied",
        detail: "a correlator applied them and told the sensor, as it does once a second",
        advice: "see that a correlator runs and says what fails: picket correlator",
        seenMs: () => this.#appliedMs,
      },
      {
        name: "drill found",
        detail: `the scan of ${this.#scan.target} by ${this.#scan.source} is an incident`,
        advice: "see the correlators' log; a policy that turns vertical scans off finds none",
        seenMs: () => this.#foundMs,
      },
    ];
    if (this.client === undefined) return steps;
    return [
      ...steps,
      {
        name: "drill served",
        detail: "the api told its watchers",
        advice: "see the api's log: picket api",
        seenMs: () => this.#servedMs,
      },
      {
        name: "drill heartbeat",
        detail: `the api lists ${name}`,
        advice: "see that the sensor's user may publish picket.status.v1.NAME",
        seenMs: () => this.#listedMs,
      },
    ];
  }

  /** False when the step did not come: what follows cannot come either. */
  async #report(step: Step, onCheck: OnCheck): Promise<boolean> {
    const isSeen = await this.#until(() => step.seenMs() !== undefined);
    const seenMs = step.seenMs();
    if (!isSeen || seenMs === undefined) {
      const why = step.name === "drill stored" ? (this.sensor.fault ?? "no answer") : "did not come";
      onCheck(failed(step.name, `${why} within ${this.timeoutMs / 1000} s`, step.advice));
      return false;
    }
    const delayMs = Math.max(0, Math.round(seenMs - this.#sentMs));
    const id = step.name === "drill found" ? ` ${this.#incidentId}` : "";
    onCheck({ ...passed(step.name, `${step.detail}${id}`), delayMs });
    return true;
  }

  async #until(isTrue: () => boolean): Promise<boolean> {
    const endMs = performance.now() + this.timeoutMs;
    while (!isTrue()) {
      if (performance.now() > endMs) return false;
      await delay(pollMs);
    }
    return true;
  }

  #listen(): void {
    const connection = this.link.current();
    this.#subscriptions.push(
      connection.subscribe(`${appliedPrefix}${this.sensor.name}`, {
        callback: (error, message) => {
          if (error === null) this.#onApplied(message.data);
        },
      }),
      connection.subscribe(incidentsSubject, {
        callback: (error, message) => {
          if (error === null) this.#onIncident(message.data);
        },
      }),
    );
    if (this.client !== undefined) this.#watch(this.client);
  }

  #onApplied(bytes: Uint8Array): void {
    const { epoch, floorSequence } = AppliedWatermark.decode(bytes);
    if (this.sensor.epoch.equals(epoch) && floorSequence >= 1n) this.#appliedMs ??= performance.now();
  }

  #onIncident(bytes: Uint8Array): void {
    const incident = decodeIncidentEvent(bytes)?.incident;
    if (incident === undefined || !incident.sources.includes(this.#scan.source)) return;
    if (!incident.evidence.some(({ sensor }) => sensor === this.sensor.name)) return;
    this.#foundMs ??= performance.now();
    this.#incidentId = incident.id;
  }

  /** An earlier drill of the same name may still be listed. */
  #isThisRun({ startedTime }: Sensor): boolean {
    if (startedTime === undefined) return false;
    const startedMs = Number(startedTime.seconds) * 1000 + startedTime.nanos / 1e6;
    return Math.abs(startedMs - this.sensor.startedUs / 1000) < 1;
  }

  /** A watch that breaks is a step that does not come. */
  #watch(client: ApiClient): void {
    const { name } = this.sensor;
    const filter = IncidentFilter.create({
      sensor: name,
      source: this.#scan.source,
      includeInactive: true,
    });
    const incidents = client.incidents.watchIncidents(
      WatchIncidentsRequest.create({ filter }),
      new Metadata(),
    );
    incidents.on("data", ({ event }: WatchIncidentsResponse) => {
      if (event?.$case === "incidentEvent") this.#servedMs ??= performance.now();
    });
    const request = WatchSensorsRequest.create({ names: [name] });
    const sensors = client.sensors.watchSensors(request, new Metadata());
    sensors.on("data", ({ event }: WatchSensorsResponse) => {
      if (event?.$case === "sensor" && this.#isThisRun(event.sensor)) this.#listedMs ??= performance.now();
    });
    for (const call of [incidents, sensors]) {
      call.on("error", () => {});
      this.#stop.signal.addEventListener("abort", () => call.cancel());
    }
  }
}
