import { createSocket, type Socket } from "node:dgram";
import type { PacketBlock } from "@picket/sensor/capture/packet-source.js";
import { RingBlockReader } from "@picket/sensor/capture/ring-block.js";
import { loadRingBinding, type RingHandle, type RingOptions } from "@picket/sensor/capture/ring-binding.js";
import { decodeFrame } from "@picket/sensor/decode/decode-frame.js";
import { DecodedPacket } from "@picket/sensor/decode/decoded-packet.js";
import { afterEach, describe, expect, it } from "vitest";
import {
  boundaryValues,
  chainedBytes,
  firstHeaderAt,
  type HeaderField,
  headerFields,
  outsideOf,
  setField,
  writeChain,
} from "../fuzz/ring-headers.js";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { missingRing } from "./ring-available.js";
import { waitUntil } from "./sensor-harness.js";

if (missingRing !== undefined) process.stderr.write(`sensor-ring-garbage: skipped, ${missingRing}\n`);

const blockBytes = 4096;
const blockCount = 8;
const datagramBytes = 300;
const garbageBlocks = Number(process.env["PICKET_FUZZ_RING_BLOCKS"] ?? 1000);
const seed = Number(process.env["PICKET_FUZZ_SEED"] ?? 20_261_121);
const options: RingOptions = {
  interface: "lo",
  filter: "udp dst port 20077",
  snapLengthBytes: 256,
  blockBytes,
  blockCount,
  retireMs: 1,
  promiscuous: false,
  hardwareTimestamps: false,
  fanoutGroup: -1,
};

/** The block's own header (tpacket_block_desc): offsets of its 32-bit fields. */
const blockFields = {
  version: 0,
  privateOffset: 4,
  status: 8,
  packets: 12,
  firstPacket: 16,
  length: 20,
} as const;
const statusUser = 1;
/** Of the datagrams sent here, in a block. */
const packetsMax = Math.floor(blockBytes / datagramBytes);
const boundaries = boundaryValues(blockBytes);
const fields = Object.keys(headerFields) as HeaderField[];

/**
 * What was written is what comes; but a ring that went round meanwhile has the
 * kernel write into the block too, which counts its packets on or from the start.
 */
function isAsMarked([first, count]: readonly [number, number], offset: number, packets: number): boolean {
  const added = (packets - count) >>> 0;
  return (offset === first && added <= packetsMax) || (offset === firstHeaderAt && packets <= packetsMax);
}

/** A live ring whose free blocks are filled with garbage and marked as the kernel marks full ones. */
class GarbageRing {
  garbage = 0;
  real = 0;
  readonly wrong: string[] = [];
  readonly ring: RingHandle;
  private readonly binding = loadRingBinding();
  private readonly random = new SeededRandom(seed);
  /** What garbage says of each block: first packet and count; undefined for the kernel's. */
  private readonly marked: ([number, number] | undefined)[] = [];
  private readonly decoded = new DecodedPacket();
  private readonly reader: RingBlockReader;
  private blockAt = 0;

  /** @param wake sends packets, which is what makes the kernel look at the ring again */
  constructor(private readonly wake: () => void) {
    this.ring = this.binding.open(
      options,
      (...block) => this.onBlock(...block),
      (code) => this.wrong.push(code),
    );
    this.reader = new RingBlockReader(this.ring.memory, blockBytes, this.ring.isCooked, 0, (block) =>
      this.onPackets(block),
    );
  }

  close(): void {
    this.binding.close(this.ring);
  }

  private onBlock(blockOffset: number, firstPacketOffset: number, packets: number): void {
    const number = blockOffset / blockBytes;
    if (!Number.isInteger(number) || number >= blockCount) this.wrong.push(`a block at ${blockOffset}`);
    const marked = this.marked[number];
    this.marked[number] = undefined;
    this.blockAt = blockOffset;
    this.reader.read(blockOffset, firstPacketOffset, packets);
    this.wake();
    if (marked === undefined) {
      this.real++;
      // Once it is free again: the kernel then finds it taken, as it finds a block nobody read.
      setImmediate(() => this.scribble(number));
      return;
    }
    this.garbage++;
    if (!isAsMarked(marked, firstPacketOffset, packets))
      this.wrong.push(`${firstPacketOffset} and ${packets} in place of ${marked.join(" and ")}`);
  }

  private onPackets(block: PacketBlock): void {
    const outside = outsideOf(block, this.blockAt, this.blockAt + blockBytes);
    if (outside !== undefined) this.wrong.push(outside);
    const { bytes, view, offset, capturedLength, linkType } = block;
    for (let i = 0; i < block.count; i++)
      decodeFrame(bytes, view, offset[i], capturedLength[i], linkType[i], this.decoded);
  }

  private scribble(number: number): void {
    if (this.ring.memory.byteLength === 0) return;
    const { random } = this;
    const at = number * blockBytes;
    const bytes = new Uint8Array(this.ring.memory);
    const view = new DataView(this.ring.memory, at, blockBytes);
    if (random.chance(0.3))
      for (let i = firstHeaderAt; i < blockBytes; i++) bytes[at + i] = random.below(256);
    else this.writeDamagedChain(bytes, at);
    const first = random.chance(0.5) ? firstHeaderAt : random.pick(boundaries);
    const packets = random.chance(0.5) ? random.below(32) : random.pick(boundaries);
    for (const field of ["version", "privateOffset", "length"] as const)
      view.setUint32(blockFields[field], random.pick(boundaries), true);
    view.setUint32(blockFields.firstPacket, first, true);
    view.setUint32(blockFields.packets, packets, true);
    this.marked[number] = [first, packets];
    view.setUint32(blockFields.status, (random.pick(boundaries) | statusUser) >>> 0, true);
  }

  private writeDamagedChain(bytes: Uint8Array, at: number): void {
    const { random } = this;
    const packets = Math.floor((blockBytes - firstHeaderAt) / chainedBytes);
    writeChain(bytes, at, packets);
    for (let i = 0; i < 4; i++) {
      const header = at + firstHeaderAt + random.below(packets) * chainedBytes;
      setField(bytes, header, random.pick(fields), random.pick(boundaries));
    }
  }
}

describe.skipIf(missingRing !== undefined)(`a live ring full of garbage (PICKET_FUZZ_SEED=${seed})`, () => {
  let ring: GarbageRing | undefined;
  let socket: Socket | undefined;

  afterEach(() => {
    socket?.close();
    ring?.close();
  });

  it(`hands on ${garbageBlocks} blocks of any header and reads nothing outside them`, async () => {
    const sender = createSocket("udp4");
    socket = sender;
    sender.on("error", () => {});
    const wake = (): void => {
      for (let i = 0; i < 4; i++) sender.send(Buffer.alloc(datagramBytes), 20_077, "127.0.0.1");
    };
    const opened = new GarbageRing(wake);
    ring = opened;
    await waitUntil(
      "the garbage",
      () => {
        wake();
        return opened.garbage >= garbageBlocks || opened.wrong.length > 0;
      },
      60_000,
    );
    expect(opened.wrong).toEqual([]);
    expect(opened.real).toBeGreaterThan(garbageBlocks / 20);
  }, 70_000);
});
