import { describe, expect, it } from "vitest";
import { PacketBlock } from "./capture/packet-source.js";
import { ethernet, EtherType, ipv4, tcp, udp } from "./decode/testing/frame-builder.js";
import type { MeteringPolicy } from "./metering/metering-settings.js";
import { notesSettings } from "./notes/notes-settings.js";
import { SensorPipeline } from "./pipeline.js";

const startUs = 1_700_000_000_000_000;
const [syn, synAck, ack] = [0x02, 0x12, 0x10];
const server = "10.0.0.1";
const header = [0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const query = [...header, 4, ...Buffer.from("page"), 3, ...Buffer.from("lab"), 0, 0, 1, 0, 1];

/** Frames into a pipeline, and what its records say. */
class Frames {
  packets = 0;
  records = 0;
  readonly names: string[] = [];
  readonly pipeline: SensorPipeline;

  constructor(tableFlowsMax: number) {
    this.pipeline = new SensorPipeline({ tableFlowsMax, notes: policy(30).notes }, (columns) => {
      this.records += columns.length;
      for (let row = 0; row < columns.length; row++)
        this.packets += columns.forwardPackets[row] + columns.reversePackets[row];
      let from = 0;
      for (let i = 0; i < columns.nameCount; i++) {
        this.names.push(Buffer.from(columns.nameBytes.subarray(from, columns.nameEnds[i])).toString());
        from = columns.nameEnds[i];
      }
    });
  }

  send(atMs: number, source: string, destination: string, protocol: number, segment: Uint8Array): this {
    const frame = ethernet(EtherType.ipv4, ipv4({ protocol, source, destination }, segment));
    const block = new PacketBlock(1);
    block.bytes = frame;
    block.view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    block.count = 1;
    block.capturedLength[0] = block.wireLength[0] = frame.length;
    block.linkType[0] = 1;
    block.timeUs[0] = startUs + atMs * 1000;
    this.pipeline.onBlock(block);
    return this;
  }

  connect(atMs: number, client: string): this {
    const ports = { sourcePort: 40_000, destinationPort: 443 };
    const back = { sourcePort: 443, destinationPort: 40_000 };
    this.send(atMs, client, server, 6, tcp({ ...ports, flags: syn, sequence: 1 }));
    this.send(atMs, server, client, 6, tcp({ ...back, flags: synAck, sequence: 7, acknowledgement: 2 }));
    return this.send(atMs, client, server, 6, tcp({ ...ports, flags: ack, sequence: 2, acknowledgement: 8 }));
  }

  ask(atMs: number, sourcePort: number): this {
    return this.send(atMs, "10.0.0.9", server, 17, udp(sourcePort, 53, query));
  }

  advance(toMs: number): this {
    for (let ms = 0; ms <= toMs; ms += 100) this.pipeline.advance(startUs + ms * 1000);
    return this;
  }
}

function policy(idleTimeoutSeconds: number, names = true): MeteringPolicy {
  const timeouts = { idleTimeoutUs: idleTimeoutSeconds * 1e6, activeTimeoutUs: 60e6, holdTimeoutUs: 1.5e6 };
  return { ...timeouts, notes: notesSettings(names, 100) };
}

describe("a policy that changes", () => {
  it("leaves live flows live, and what they count", () => {
    const frames = new Frames(64).connect(0, "10.0.1.1");
    frames.pipeline.follow(policy(20));
    expect(frames.pipeline.counters).toMatchObject({ metering_flows_live: 1, metering_flows_closed: 0 });
    const ports = { sourcePort: 40_000, destinationPort: 443, flags: ack, sequence: 2, acknowledgement: 8 };
    frames.send(10, "10.0.1.1", server, 6, tcp(ports)).pipeline.finish(startUs + 1e6);
    expect([frames.packets, frames.pipeline.counters["metering_flows_opened"]]).toEqual([4, 1]);
  });

  it("ends live flows by its shorter or longer timeout", () => {
    const shorter = new Frames(64).connect(0, "10.0.1.1");
    shorter.pipeline.follow(policy(2));
    expect(shorter.advance(2300).pipeline.counters["metering_flows_live"]).toBe(0);
    const longer = new Frames(64).connect(0, "10.0.1.1");
    longer.pipeline.follow(policy(45));
    expect(longer.advance(44_000).pipeline.counters["metering_flows_live"]).toBe(1);
    expect(longer.advance(46_000).pipeline.counters["metering_flows_live"]).toBe(0);
  });

  it("does not end an emergency", () => {
    const frames = new Frames(64);
    for (let i = 0; i < 60; i++) frames.connect(i, `10.0.1.${i}`);
    expect(frames.pipeline.isEmergency).toBe(true);
    frames.pipeline.follow(policy(20));
    expect(frames.pipeline.isEmergency).toBe(true);
    expect(frames.pipeline.counters["metering_emergency_left"]).toBe(0);
  });

  it("turns host names off and on", () => {
    const frames = new Frames(64);
    frames.pipeline.follow(policy(30, false));
    frames.ask(0, 1001);
    frames.pipeline.follow(policy(30, true));
    frames.ask(1, 1002);
    frames.pipeline.finish(startUs + 10e6);
    expect(frames.names).toEqual(["page.lab"]);
  });
});
