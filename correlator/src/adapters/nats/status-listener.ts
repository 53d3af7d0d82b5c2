import type { Msg, Subscription } from "@nats-io/transport-node";
import type { SensorRegistry } from "../../sensors/sensor-registry.js";
import type { NatsLink } from "./nats-link.js";
import { decodeSensorStatus } from "./sensor-status-codec.js";
import { correlatorsConsumer, sensorOfSubject, statusPrefix } from "./subjects.js";
import { untilAborted } from "../../until-aborted.js";

/** Heartbeats on their way into the registry at once; beyond it they are skipped: the next one comes soon. */
const recordingMax = 64;

/** Hands the sensors' heartbeats to the registry; of several correlators one takes each. */
export class StatusListener {
  readonly counters = { statuses: 0, statusesUnreadable: 0, statusesSkipped: 0 };
  readonly #link: NatsLink;
  readonly #registry: SensorRegistry;
  readonly #stop = new AbortController();
  #recording = 0;
  #subscription: Subscription | undefined;

  constructor(link: NatsLink, registry: SensorRegistry) {
    this.#link = link;
    this.#registry = registry;
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
      this.#recording++;
      await this.#registry.recordStatus(record).catch(() => this.counters.statusesSkipped++);
      this.#recording--;
    }
  }
}
