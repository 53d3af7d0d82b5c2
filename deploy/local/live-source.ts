import { randomBytes } from "node:crypto";
import { hostname, networkInterfaces } from "node:os";

import type { Policy } from "@picket/correlator/policy/policy.js";
import type { SensorRecord } from "@picket/correlator/sensors/sensor-registry.js";
import { decodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { LiveMeter } from "@picket/sensor/capture/live-meter.js";
import { withBatchIdentity } from "@picket/sensor/export/batch-identity.js";
import { NetworkWatch } from "@picket/sensor/host/network-watch.js";

import type { EmbeddedSource } from "./embedded-source.js";

/** What a live source hands on. */
export interface LiveSourceEvents {
  /** The columns are reused after the call. */
  readonly onBatch: (sensor: string, columns: FlowColumns) => void;
  /** Records that were lost before they got here. */
  readonly onLost: (sensor: string, records: number, reason: string) => void;
  /** One line an operator should know. */
  readonly onWarning: (line: string) => void;
}

/** The live meter of one interface, in a child process that is restarted when it ends. */
export class LiveSource implements EmbeddedSource {
  private readonly columns = new FlowColumns();
  private readonly epoch = randomBytes(16);
  private readonly startedMs = Date.now();
  private readonly meter: LiveMeter;
  private readonly networkWatch: NetworkWatch;
  private readonly last = { packets: 0, atMs: Date.now(), rate: 0 };

  /** @param interfaceName empty: the interface of the default route */
  constructor(
    private readonly sensor: string,
    interfaceName: string,
    policy: Policy,
    private readonly events: LiveSourceEvents,
  ) {
    this.networkWatch = new NetworkWatch((line) => events.onWarning(line));
    this.meter = new LiveMeter(
      { interface: interfaceName, ...policy.sensor },
      {
        onBatch: ({ bytes }) => this.takeBatch(bytes),
        onLoss: (reason, { records }) => events.onLost(sensor, records, reason),
        onState: (state) => {
          if (state.kind === "waiting" && state.reason !== "starting")
            events.onWarning(`not capturing: ${state.reason}`);
        },
        onWarning: (line) => events.onWarning(line),
      },
    );
  }

  get name(): string {
    return this.meter.interface;
  }

  start(): Promise<void> {
    this.meter.start();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return this.meter.stop();
  }

  setPolicy(policy: Policy): void {
    this.meter.update(policy.sensor);
  }

  status(nowMs: number): SensorRecord[] {
    const { counters, state } = this.meter;
    return [
      {
        name: this.sensor,
        state: state.kind,
        detail: state.kind === "waiting" ? state.reason : "",
        version: "0.1.0",
        host: hostname(),
        interfaces: [this.meter.interface],
        hostAddresses: ownAddresses(),
        linkNetworks: this.networkWatch.networks.link,
        routedNetworks: this.networkWatch.networks.routed,
        startedMs: this.startedMs,
        lastStatusMs: nowMs,
        clockSkewMs: 0,
        counters: { ...counters, ...this.networkWatch.counters },
        policyRevision: 0,
        packetsPerSecond: this.rate(counters["packets_received"] ?? 0, nowMs),
        appliedRecords: 0,
        lostRecords: 0,
      },
    ];
  }

  /** The meter leaves out who sent a batch; one process needs no real identity before the correlator's. */
  private takeBatch(bytes: Uint8Array): void {
    const error = decodeFlowBatch(withBatchIdentity(bytes, this.epoch, 1), this.columns);
    if (error === undefined) this.events.onBatch(this.sensor, this.columns);
    else this.events.onWarning(`a batch of the meter could not be read: ${error}`);
  }

  private rate(packets: number, nowMs: number): number {
    const { last } = this;
    if (nowMs - last.atMs >= 1000) {
      last.rate = (Math.max(0, packets - last.packets) * 1000) / (nowMs - last.atMs);
      last.packets = packets;
      last.atMs = nowMs;
    }
    return last.rate;
  }
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map((address) => address.address));
}
