import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { PacketBlock } from "@picket/sensor/capture/packet-source.js";
import type { SensorPipelineSettings } from "@picket/sensor/pipeline.js";
import { SensorPipeline } from "@picket/sensor/pipeline.js";

import type { DemoPacket } from "./demo-traffic.js";
import { demoAttack, demoHostCount, demoOrdinary, demoRoundUs } from "./demo-traffic.js";

const ethernet = 1;
const blockBytes = 65_536;

/** Names of the demo's sensors: "demo-1" to "demo-8". */
export const virtualSensorNames: readonly string[] = Array.from(
  { length: demoHostCount },
  (_, host) => `demo-${host + 1}`,
);

/**
 * Eight sensors that need no privilege: generated packets go through the real
 * decoder and meter of each. The attack comes once, ordinary traffic for ever.
 */
export class VirtualSensors {
  private readonly pipelines: readonly SensorPipeline[];
  private readonly block = new PacketBlock(256);
  private waiting: DemoPacket[];
  private nextRound = 1;

  /** @param startUs event time of the demo's beginning, microseconds */
  constructor(
    private readonly seed: number,
    private readonly startUs: number,
    settings: SensorPipelineSettings,
    onBatch: (sensor: string, columns: FlowColumns) => void,
  ) {
    this.block.bytes = new Uint8Array(blockBytes);
    this.block.view = new DataView(this.block.bytes.buffer);
    this.pipelines = virtualSensorNames.map(
      (name) => new SensorPipeline(settings, (columns) => onBatch(name, columns)),
    );
    this.waiting = [...demoAttack(seed), ...demoOrdinary(seed, 0)].sort((a, b) => a.offsetUs - b.offsetUs);
  }

  /** Lets every packet up to `nowUs` pass its sensor, and time with it. */
  advance(nowUs: number): void {
    while ((this.nextRound - 1) * demoRoundUs <= nowUs - this.startUs) this.addRound();
    const due = this.takeDue(nowUs - this.startUs);
    for (let host = 0; host < demoHostCount; host++) {
      this.deliver(
        host,
        due.filter((packet) => packet.host === host),
      );
      this.pipelines[host].advance(nowUs);
    }
  }

  /** Ends every flow. */
  finish(): void {
    for (const pipeline of this.pipelines) pipeline.finish();
  }

  /** Counters of the sensor with this index. */
  countersOf(host: number): Readonly<Record<string, number>> {
    return this.pipelines[host].counters;
  }

  private addRound(): void {
    const shiftUs = this.nextRound * demoRoundUs;
    const round = demoOrdinary(this.seed, this.nextRound);
    for (const packet of round) this.waiting.push({ ...packet, offsetUs: packet.offsetUs + shiftUs });
    this.nextRound++;
  }

  private takeDue(offsetUs: number): DemoPacket[] {
    const due = this.waiting.filter((packet) => packet.offsetUs <= offsetUs);
    if (due.length > 0) this.waiting = this.waiting.filter((packet) => packet.offsetUs > offsetUs);
    return due.sort((a, b) => a.offsetUs - b.offsetUs);
  }

  private deliver(host: number, packets: readonly DemoPacket[]): void {
    const { block } = this;
    let at = 0;
    block.count = 0;
    for (const { frame, offsetUs } of packets) {
      if (block.count === block.packetsMax || at + frame.length > blockBytes) {
        this.pipelines[host].onBlock(block);
        block.count = 0;
        at = 0;
      }
      const i = block.count++;
      block.bytes.set(frame, at);
      block.offset[i] = at;
      block.capturedLength[i] = frame.length;
      block.wireLength[i] = frame.length;
      block.timeUs[i] = this.startUs + offsetUs;
      block.linkType[i] = ethernet;
      at += frame.length;
    }
    if (block.count > 0) this.pipelines[host].onBlock(block);
  }
}
