import { describe, expect, it } from "vitest";
import { decodeFrame } from "../decode/decode-frame.js";
import { DecodedPacket, DecodeResult } from "../decode/decoded-packet.js";
import type { PacketBlock } from "./packet-source.js";
import { RingBlockReader } from "./ring-block.js";

const blockBytes = 4096;
const firstPacketOffset = 48;
const udpFrame = Buffer.from(
  "02000000000202000000000108004500001c00010000401100000a0000010a0000021234003500080000",
  "hex",
);

interface PacketShape {
  readonly data: Buffer;
  readonly dataOffset?: number;
  readonly capturedLength?: number;
  readonly wireLength?: number;
  readonly next?: number;
  readonly status?: number;
  readonly vlanTag?: number;
  readonly vlanType?: number;
  readonly protocol?: number;
  readonly interfaceIndex?: number;
  readonly hardwareType?: number;
  readonly packetType?: number;
}

/** Blocks as the kernel writes them. */
class TestRing {
  readonly memory: ArrayBuffer;
  readonly #view: DataView;

  constructor(blocks = 2) {
    this.memory = new ArrayBuffer(blocks * blockBytes);
    this.#view = new DataView(this.memory);
  }

  /** Writes packets one after another from the first offset of a block on. */
  write(blockOffset: number, packets: readonly PacketShape[], from = firstPacketOffset): void {
    let header = blockOffset + from;
    packets.forEach((packet, i) => {
      const dataOffset = packet.dataOffset ?? 82;
      const size = Math.ceil((dataOffset + packet.data.length) / 8) * 8;
      const view = this.#view;
      view.setUint32(header, packet.next ?? (i === packets.length - 1 ? 0 : size), true);
      view.setUint32(header + 4, 1_700_000_000, true);
      view.setUint32(header + 8, 123_456_999, true);
      view.setUint32(header + 12, packet.capturedLength ?? packet.data.length, true);
      view.setUint32(header + 16, packet.wireLength ?? packet.data.length, true);
      view.setUint32(header + 20, packet.status ?? 1, true);
      view.setUint16(header + 24, dataOffset, true);
      view.setUint32(header + 32, packet.vlanTag ?? 0, true);
      view.setUint16(header + 36, packet.vlanType ?? 0, true);
      view.setUint16(header + 50, packet.protocol ?? 0x0800);
      view.setUint32(header + 52, packet.interfaceIndex ?? 2, true);
      view.setUint16(header + 56, packet.hardwareType ?? 1, true);
      view.setUint8(header + 58, packet.packetType ?? 0);
      new Uint8Array(this.memory).set(packet.data, header + dataOffset);
      header += size;
    });
  }
}

interface SeenPacket {
  readonly data: string;
  readonly wireLength: number;
  readonly timeUs: number;
  readonly linkType: number;
  readonly result: number;
  readonly vlanId: number;
}

/** What a reader hands on, decoded. */
class Seen {
  readonly packets: SeenPacket[] = [];
  readonly counts: number[] = [];
  readonly #decoded = new DecodedPacket();

  take(block: PacketBlock): void {
    const { bytes, view, count } = block;
    this.counts.push(count);
    for (let i = 0; i < count; i++) {
      const [offset, length, linkType] = [block.offset[i], block.capturedLength[i], block.linkType[i]];
      this.packets.push({
        data: Buffer.from(bytes.subarray(offset, offset + length)).toString("hex"),
        wireLength: block.wireLength[i],
        timeUs: block.timeUs[i],
        linkType,
        result: decodeFrame(bytes, view, offset, length, linkType, this.#decoded),
        vlanId: this.#decoded.vlanId,
      });
    }
  }
}

function readerOf(
  ring: TestRing,
  options: { isCooked?: boolean; loopback?: number; packetsMax?: number } = {},
) {
  const seen = new Seen();
  const { isCooked = false, loopback = 0, packetsMax = 4 } = options;
  const onBlock = (block: PacketBlock) => seen.take(block);
  const reader = new RingBlockReader(ring.memory, blockBytes, isCooked, loopback, onBlock, packetsMax);
  return { seen, reader };
}

describe("a block of the ring", () => {
  it("gives its packets where they lie, with the kernel's time", () => {
    const ring = new TestRing();
    ring.write(blockBytes, [{ data: udpFrame, wireLength: 1514 }, { data: udpFrame }]);
    const { reader, seen } = readerOf(ring);
    reader.read(blockBytes, firstPacketOffset, 2);
    expect(seen.packets).toHaveLength(2);
    expect(seen.packets[0]).toEqual({
      data: udpFrame.toString("hex"),
      wireLength: 1514,
      timeUs: 1_700_000_000_123_456,
      linkType: 1,
      result: DecodeResult.flow,
      vlanId: 0,
    });
    expect(reader.packets).toBe(2);
    expect(reader.recordsCorrupt).toBe(0);
  });

  it("is handed on in parts when it has more packets than fit", () => {
    const ring = new TestRing();
    ring.write(
      0,
      Array.from({ length: 10 }, () => ({ data: udpFrame })),
    );
    const { reader, seen } = readerOf(ring);
    reader.read(0, firstPacketOffset, 10);
    expect(seen.counts).toEqual([4, 4, 2]);
  });

  it("gives back the VLAN tag that the kernel took out", () => {
    const ring = new TestRing();
    const tag = { vlanTag: 0x2005, status: 1 | (1 << 4) };
    ring.write(0, [
      { data: udpFrame, ...tag },
      { data: udpFrame, ...tag, vlanType: 0x88a8, status: 1 | (1 << 4) | (1 << 6) },
    ]);
    const { reader, seen } = readerOf(ring);
    reader.read(0, firstPacketOffset, 2);
    const addresses = udpFrame.subarray(0, 12).toString("hex");
    const rest = udpFrame.subarray(12).toString("hex");
    expect(seen.packets.map(({ data }) => data)).toEqual([
      `${addresses}81002005${rest}`,
      `${addresses}88a82005${rest}`,
    ]);
    expect(seen.packets.map(({ vlanId, result }) => [vlanId, result])).toEqual([
      [5, DecodeResult.flow],
      [5, DecodeResult.flow],
    ]);
    expect(seen.packets[0].wireLength).toBe(udpFrame.length + 4);
  });

  it("puts a cooked header before packets without an Ethernet header", () => {
    const ring = new TestRing();
    const ip = udpFrame.subarray(14);
    const cooked = { data: ip, dataOffset: 96, hardwareType: 772, packetType: 3 };
    ring.write(0, [cooked, { ...cooked, vlanTag: 7, status: 1 | (1 << 4) }]);
    const { reader, seen } = readerOf(ring, { isCooked: true });
    reader.read(0, firstPacketOffset, 2);
    const header = `00030304${"00".repeat(10)}`;
    expect(seen.packets.map(({ data }) => data)).toEqual([
      `${header}0800${ip.toString("hex")}`,
      `${header}810000070800${ip.toString("hex")}`,
    ]);
    expect(seen.packets.map(({ linkType, vlanId, result }) => [linkType, vlanId, result])).toEqual([
      [113, 0, DecodeResult.flow],
      [113, 7, DecodeResult.flow],
    ]);
  });

  it("leaves out what leaves the loopback interface: it comes again as it arrives", () => {
    const ring = new TestRing();
    const cooked = { data: udpFrame.subarray(14), dataOffset: 96 };
    ring.write(0, [
      { ...cooked, interfaceIndex: 1, packetType: 4 },
      { ...cooked, interfaceIndex: 1, packetType: 0 },
      { ...cooked, interfaceIndex: 2, packetType: 4 },
    ]);
    const { reader, seen } = readerOf(ring, { isCooked: true, loopback: 1 });
    reader.read(0, firstPacketOffset, 3);
    expect(seen.packets).toHaveLength(2);
    expect(reader.recordsCorrupt).toBe(0);
  });

  it.each<[string, PacketShape]>([
    ["a packet that is longer than the block", { data: udpFrame, capturedLength: blockBytes }],
    ["a length that wraps around", { data: udpFrame, capturedLength: 0xffff_ffff }],
    ["data inside its own header", { data: udpFrame, dataOffset: 67 }],
    ["no data", { data: udpFrame, dataOffset: 0 }],
    ["a next packet inside this one's header", { data: udpFrame, next: 64 }],
    ["a next packet that is this one", { data: udpFrame, next: 0 }],
    ["a next packet that is not aligned", { data: udpFrame, next: 132 }],
    ["a next packet beyond the block", { data: udpFrame, next: blockBytes }],
    ["a next packet that wraps around", { data: udpFrame, next: 0xffff_fff8 }],
  ])("ends at %s", (_, shape) => {
    const ring = new TestRing();
    ring.write(0, [shape, { data: udpFrame }, { data: udpFrame }]);
    const { reader, seen } = readerOf(ring);
    reader.read(0, firstPacketOffset, 3);
    expect(reader.recordsCorrupt).toBe(1);
    expect(seen.packets.length).toBeLessThanOrEqual(1);
  });

  it("is left alone when it is no block of this ring", () => {
    const { reader, seen } = readerOf(new TestRing(1));
    reader.read(blockBytes, firstPacketOffset, 1);
    reader.read(0, 0xffff_fff0, 1);
    reader.read(0, blockBytes - 8, 1);
    expect(reader.recordsCorrupt).toBe(3);
    expect(seen.packets).toEqual([]);
  });

  it("tags nothing where there is no room before the packet", () => {
    const ring = new TestRing();
    ring.write(0, [{ data: udpFrame, dataOffset: 68, vlanTag: 5, status: 1 | (1 << 4) }]);
    const { reader, seen } = readerOf(ring);
    reader.read(0, firstPacketOffset, 1);
    expect(seen.packets[0].data).toBe(udpFrame.toString("hex"));
  });

  it("is behind while a block is read and while the next one is full", () => {
    const ring = new TestRing();
    ring.write(0, [{ data: udpFrame }]);
    const during: boolean[] = [];
    const reader: RingBlockReader = new RingBlockReader(ring.memory, blockBytes, false, 0, () =>
      during.push(reader.isBehind),
    );
    expect(reader.isBehind).toBe(false);
    reader.read(0, firstPacketOffset, 1);
    expect(during).toEqual([true]);
    expect(reader.isBehind).toBe(false);
    new DataView(ring.memory).setUint32(blockBytes + 8, 1, true);
    expect(reader.isBehind).toBe(true);
    // A ring begins anew after its last block.
    reader.read(blockBytes, firstPacketOffset, 0);
    expect(reader.isBehind).toBe(false);
  });
});
