import { describe, expect, it } from "vitest";
import { PacketBlock } from "../capture/packet-source.js";
import { decodeFrame } from "../decode/decode-frame.js";
import { DecodedPacket, DecodeResult } from "../decode/decoded-packet.js";
import { ethernet, EtherType, ipv4, ipv6, tcp, udp, vlanTag } from "../decode/testing/frame-builder.js";
import { FlowMeter } from "./flow-meter.js";
import type { FlowRecordSink } from "./flow-record-sink.js";
import { meteringSettings } from "./metering-settings.js";
import { OneRecordSink } from "./testing/one-record-sink.js";

const startUs = 1_700_000_000_000_000;
const gapBytes = 7;

/** Keeps every value of every record as text. */
class RecordTexts extends OneRecordSink {
  readonly texts: string[] = [];
  private addresses = "";

  override append(...words: Parameters<FlowRecordSink["append"]>): number {
    this.addresses = words.join(".");
    return super.append(...words);
  }

  filled(row: number): void {
    const values = Object.entries(this.columns).map(([name, column]) =>
      ArrayBuffer.isView(column) ? `${name} ${(column as Float64Array)[row]}` : "",
    );
    this.texts.push([this.addresses, ...values].join(" "));
  }
}

/** Meters a block, each packet in the general way or as many as possible in the plain one. */
function meterBlock(
  meter: FlowMeter,
  packet: DecodedPacket,
  block: PacketBlock,
  isPlainAllowed: boolean,
): number {
  let plain = 0;
  for (let i = 0; i < block.count; i++) {
    if (isPlainAllowed) {
      const next = meter.processPlain(block, i, Number.POSITIVE_INFINITY);
      plain += next - i;
      i = next;
      if (i === block.count) break;
    }
    const { bytes, view, offset, capturedLength, linkType, timeUs } = block;
    const result = decodeFrame(bytes, view, offset[i], capturedLength[i], linkType[i], packet);
    if (result === DecodeResult.flow) meter.process(packet, timeUs[i], bytes);
  }
  return plain;
}

/** Seeded, so that a failure comes back. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Conversations of few hosts and ports, mostly ordinary packets, some of them damaged or odd. */
class Traffic {
  private timeUs = startUs;

  constructor(private readonly random: (below: number) => number) {}

  block(packets: number): PacketBlock {
    const { random } = this;
    const frames = Array.from({ length: packets }, () => this.frame());
    const block = new PacketBlock(packets);
    const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length + gapBytes, gapBytes));
    for (let i = 0; i < bytes.length; i++) bytes[i] = random(256);
    block.bytes = bytes;
    block.view = new DataView(bytes.buffer);
    let position = gapBytes;
    for (const [i, frame] of frames.entries()) {
      bytes.set(frame, position);
      block.offset[i] = position;
      block.capturedLength[i] = random(20) === 0 ? random(frame.length + 1) : frame.length;
      block.wireLength[i] = frame.length;
      block.linkType[i] = random(100) === 0 ? 101 : 1;
      this.timeUs += random(500) === 0 ? -random(20_000_000) : random(40_000);
      block.timeUs[i] = this.timeUs - (random(50) === 0 ? random(100_000) : 0);
      position += frame.length + gapBytes;
    }
    block.count = packets;
    return block;
  }

  private frame(): Uint8Array {
    const { random } = this;
    const isIpv6 = random(2) === 0;
    const packet = isIpv6 ? this.ipv6Packet() : this.ipv4Packet();
    const etherType = isIpv6 ? EtherType.ipv6 : EtherType.ipv4;
    const tags = random(10);
    const frame =
      tags > 1
        ? ethernet(etherType, packet)
        : tags === 1
          ? ethernet(EtherType.vlan, vlanTag(7, etherType, packet))
          : ethernet(EtherType.vlan, vlanTag(7, EtherType.vlan, vlanTag(8, etherType, packet)));
    if (random(20) === 0) frame[random(frame.length)] = random(256);
    return frame;
  }

  private ipv4Packet(): Uint8Array {
    const { random } = this;
    const [protocol, payload] = this.transport();
    const hosts = ["10.0.0.1", "10.0.0.2", "138.0.0.1", "255.1.1.1"];
    const [source, destination] = [hosts[random(4)], hosts[random(4)]];
    const options = random(20) === 0 ? [1, 1, 1, 1] : [];
    return ipv4({ source, destination, protocol, options, moreFragments: random(50) === 0 }, payload);
  }

  private ipv6Packet(): Uint8Array {
    const { random } = this;
    const [nextHeader, payload] = this.transport();
    const hosts = [
      "fd00:0:0:0:0:0:0:1",
      "fd00:0:0:1:0:0:0:1",
      "fe80:0:0:0:0:0:8000:9",
      "0:0:0:0:0:ffff:a00:1",
    ];
    const [source, destination] = [hosts[random(4)], hosts[random(4)]];
    return ipv6({ source, destination, nextHeader }, payload);
  }

  private transport(): [protocol: number, payload: Uint8Array] {
    const { random } = this;
    const ports = [80, 40_000, 50_000];
    const [sourcePort, destinationPort] = [ports[random(3)], ports[random(3)]];
    const payload = new Uint8Array(random(3) * 5);
    const flags = random(15) > 0 ? 0x18 : [0x02, 0x12, 0x11, 0x14, 0x10][random(5)];
    if (random(3) > 0) return [6, tcp({ sourcePort, destinationPort, flags, payload, sequence: random(3) })];
    return [17, udp(sourcePort, destinationPort, payload, random(20) === 0 ? random(30) : undefined)];
  }
}

describe("PlainPackets", () => {
  it.each([1, 2, 3, 4])("yields the records of the general way (seed %i)", (seed) => {
    const settings = meteringSettings({ tableFlowsMax: 200, seed });
    const [general, plain] = [new RecordTexts(), new RecordTexts()];
    const [generalMeter, plainMeter] = [new FlowMeter(settings, general), new FlowMeter(settings, plain)];
    const traffic = new Traffic(randomNumbers(seed));
    const packet = new DecodedPacket();
    let counted = 0;
    for (let blocks = 0; blocks < 40; blocks++) {
      const block = traffic.block(100);
      meterBlock(generalMeter, packet, block, false);
      counted += meterBlock(plainMeter, packet, block, true);
      expect(plainMeter.nowUs).toBe(generalMeter.nowUs);
      expect(plainMeter.counters).toEqual(generalMeter.counters);
    }
    generalMeter.finish();
    plainMeter.finish();
    expect(plain.texts).toEqual(general.texts);
    expect(counted).toBeGreaterThan(300);
  });

  it("stops before the time it is given", () => {
    const meter = new FlowMeter(meteringSettings({}), new RecordTexts());
    const packet = new DecodedPacket();
    const block = new PacketBlock(4);
    const frame = ethernet(EtherType.ipv4, ipv4({}, tcp({ flags: 0x18, payload: [] })));
    block.bytes = frame;
    block.view = new DataView(frame.buffer);
    block.count = 4;
    block.capturedLength.fill(frame.length);
    block.linkType.fill(1);
    for (let i = 0; i < 4; i++) block.timeUs[i] = startUs + i;
    expect(meter.processPlain(block, 0, startUs + 100)).toBe(0);
    decodeFrame(block.bytes, block.view, 0, frame.length, 1, packet);
    meter.process(packet, startUs, frame);
    expect(meter.processPlain(block, 1, startUs + 3)).toBe(3);
    expect(meter.nowUs).toBe(startUs + 2);
    expect(meter.counters.packets).toBe(3);
  });
});
