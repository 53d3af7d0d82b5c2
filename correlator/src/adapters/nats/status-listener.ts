import type { Msg, Subscription } from "@nats-io/transport-node";
import { PicketError } from "@picket/proto/picket-error.js";
import type { SensorRecord, SensorRegistry } from "../../sensors/sensor-registry.js";
import type { NatsLink } from "./nats-link.js";
import { decodeSensorStatus } from "./sensor-status-codec.js";
import { correlatorsConsumer, sensorOfSubject, statusPrefix } from "./subjects.js";
import { untilAborted } from "../../until-aborted.js";

/** Heartbeats on their way into the registry at once; beyond it they are skipped: the next one comes soon. */
const recordingMax = 64;

/** Hands the sensors' heartbeats to the registry; of several correlators one takes each. */
export class StatusListener {
  readonly counters = {
    statuses: 0,
    statusesUnreadable: 0,
    statusesSkipped: 0,
    /** Heartbeats with networks that are not believed. */
    statusesNetworksRefused: 0,
  };
  readonly #link: NatsLink;
  readonly #registry: SensorRegistry;
  readonly #onRefused: (error: PicketError) => void;
  readonly #stop = new AbortController();
  #recording = 0;
  #subscription: Subscription | undefined;

  /** @param onRefused told with every heartbeat that names networks which are not believed */
  constructor(link: NatsLink, registry: SensorRegistry, onRefused: (error: PicketError) => void = () => {}) {
    this.#link = link;
    this.#registry = registry;
    this.#onRefused = onRefused;
  }

  /** Subscribes as soon as there is a connection. */
  async start(): Promise<void> {
    const connection = await untilAborted(this.#link.ready(), this.#stop.signal);
    this.#subscription = connection?.subscribe(`${statusPrefix}*`, {
      queue: correlatorsConsumer,
      callback: (error, message) => {
        if (error === null) void this.#record(message);
      },
    });
  }

  stop(): void {
    this.#stop.abort();
    if (this.#link.isConnected) this.#subscription?.unsubscribe();
  }

  async #record(message: Msg): Promise<void> {
    const name = sensorOfSubject(message.subject, statusPrefix);
    const record = name === undefined ? undefined : decodeSensorStatus(message.data, name, Date.now());
    if (record === undefined) this.counters.statusesUnreadable++;
    else if (this.#recording >= recordingMax) this.counters.statusesSkipped++;
    else {
      this.counters.statuses++;
      this.#tellRefused(record);
      this.#recording++;
      await this.#registry.recordStatus(record).catch(() => this.counters.statusesSkipped++);
      this.#recording--;
    }
  }

  #tellRefused({ name, refusedNetworks = {} }: SensorRecord): void {
    const reasons = Object.entries(refusedNetworks).map(([reason, networks]) => `${networks} ${reason}`);
    if (reasons.length === 0) return;
    this.counters.statusesNetworksRefused++;
    const told = `${name} tells of networks that are not taken for inside: ${reasons.join(", ")}`;
    this.#onRefused(new PicketError("INVALID_ARGUMENT", told, { field: "networks" }));
  }
}
