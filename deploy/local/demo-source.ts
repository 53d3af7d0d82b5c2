import { hostname } from "node:os";

import type { SensorRecord } from "@picket/correlator/sensors/sensor-registry.js";
import { formatAddressKey } from "@picket/correlator/windows/address-key.js";
import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import type { SensorPipelineSettings } from "@picket/sensor/pipeline.js";

import { demoHostAddress } from "./demo-traffic.js";
import type { EmbeddedSource } from "./embedded-source.js";
import { VirtualSensors, virtualSensorNames } from "./virtual-sensors.js";

const stepMs = 50;

/** The demo as a source: generated packets, in real time, through eight virtual sensors. */
export class DemoSource implements EmbeddedSource {
  readonly name = `${virtualSensorNames.length} virtual sensors`;
  private readonly startedMs = Date.now();
  private readonly sensors: VirtualSensors;
  private timer: NodeJS.Timeout | undefined;
  private readonly lastSeen = virtualSensorNames.map(() => ({ packets: 0, atMs: this.startedMs, rate: 0 }));

  constructor(
    seed: number,
    settings: SensorPipelineSettings,
    onBatch: (sensor: string, columns: FlowColumns) => void,
  ) {
    this.sensors = new VirtualSensors(seed, this.startedMs * 1000, settings, onBatch);
  }

  start(): Promise<void> {
    this.timer = setInterval(() => this.sensors.advance(Date.now() * 1000), stepMs);
    return Promise.resolve();
  }

  stop(): Promise<void> {
    clearInterval(this.timer);
    this.sensors.finish();
    return Promise.resolve();
  }

  status(nowMs: number): SensorRecord[] {
    return virtualSensorNames.map((name, host) => {
      const counters = this.sensors.countersOf(host);
      return {
        name,
        state: "running",
        detail: "generated traffic",
        version: "demo",
        host: hostname(),
        interfaces: ["virtual"],
        hostAddresses: [addressText(demoHostAddress(host))],
        startedMs: this.startedMs,
        lastStatusMs: nowMs,
        clockSkewMs: 0,
        counters: { ...counters },
        policyRevision: 0,
        packetsPerSecond: this.rateOf(host, counters["packets_received"] ?? 0, nowMs),
        appliedRecords: 0,
        lostRecords: 0,
      };
    });
  }

  private rateOf(host: number, packets: number, nowMs: number): number {
    const last = this.lastSeen[host];
    if (nowMs - last.atMs >= 1000) {
      last.rate = ((packets - last.packets) * 1000) / (nowMs - last.atMs);
      last.packets = packets;
      last.atMs = nowMs;
    }
    return last.rate;
  }
}

function addressText(address: number): string {
  const bytes = [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff);
  return formatAddressKey(String.fromCharCode(...bytes));
}
