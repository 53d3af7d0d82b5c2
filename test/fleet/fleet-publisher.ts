import { hostname } from "node:os";
import { jetstream, type JetStreamClient } from "@nats-io/jetstream";
import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import { flowsSubject, sentAtHeader, statusSubject } from "@picket/sensor/export/subjects.js";
import { encodeStatus } from "@picket/sensor/status/status-codec.js";
import { addressText, hostAddress } from "../scenarios/fleet-addresses.js";
import type { SensorBatch, VirtualSensor } from "./virtual-sensors.js";

/** What was sent so far. */
export interface PublishCounters {
  batches: number;
  records: number;
  bytes: number;
  /** Stored by the server. */
  recordsAcknowledged: number;
  /** Given up after every try. */
  recordsLost: number;
  statuses: number;
}

const triesMax = 5;
const timeoutMs = 5000;
const startedUs = Date.now() * 1000;

/** Sends what many sensors have through a few connections, each sensor on its own subjects. */
export class FleetPublisher {
  readonly counters: PublishCounters = {
    batches: 0,
    records: 0,
    bytes: 0,
    recordsAcknowledged: 0,
    recordsLost: 0,
    statuses: 0,
  };
  /** Batches that the server has not acknowledged. */
  inFlight = 0;
  readonly #streams: readonly JetStreamClient[];

  private constructor(private readonly connections: readonly NatsConnection[]) {
    this.#streams = connections.map((connection) => jetstream(connection));
  }

  static async connect(servers: readonly string[], connections: number): Promise<FleetPublisher> {
    const made = Array.from({ length: connections }, (_, index) =>
      connect({ servers: [...servers], name: `picket fleet ${index}` }),
    );
    return new FleetPublisher(await Promise.all(made));
  }

  /** Sends until the server has it; what it never takes is counted as lost. */
  async publish(batch: SensorBatch): Promise<void> {
    const { sensor, bytes, records } = batch;
    this.counters.batches++;
    this.counters.records += records;
    this.counters.bytes += bytes.length;
    this.inFlight++;
    const isStored = await this.#store(batch, flowsSubject(sensor.name));
    this.inFlight--;
    if (isStored) this.counters.recordsAcknowledged += records;
    else this.counters.recordsLost += records;
  }

  /** A heartbeat as the sensor would send it. */
  sendStatus(sensor: VirtualSensor, recordsEmitted: number): void {
    const status = encodeStatus({
      state: "running",
      detail: "",
      epoch: sensor.epoch,
      version: "0.1.0",
      timeUs: Date.now() * 1000,
      startedUs,
      host: hostname(),
      interfaces: ["eth0"],
      hostAddresses: [addressText(hostAddress(sensor.index))],
      linkNetworks: [],
      routedNetworks: [],
      counters: { records_emitted: recordsEmitted },
      policyRevision: 0,
      packetsPerSecond: 0,
    });
    this.#connectionOf(sensor).publish(statusSubject(sensor.name), status);
    this.counters.statuses++;
  }

  async close(): Promise<void> {
    await Promise.all(this.connections.map((connection) => connection.close().catch(() => {})));
  }

  async #store({ sensor, sequence, bytes }: SensorBatch, subject: string): Promise<boolean> {
    const msgID = `${sensor.name}:${sensor.epoch.toString("hex")}:${sequence}`;
    const stream = this.#streams[sensor.index % this.#streams.length];
    for (let tries = 1; tries <= triesMax; tries++) {
      const sent = headers();
      sent.set(sentAtHeader, String(Date.now() * 1000));
      try {
        await stream.publish(subject, bytes, { headers: sent, msgID, timeout: timeoutMs });
        return true;
      } catch {
        if (this.#connectionOf(sensor).isClosed()) return false;
      }
    }
    return false;
  }

  #connectionOf(sensor: VirtualSensor): NatsConnection {
    return this.connections[sensor.index % this.connections.length];
  }
}
