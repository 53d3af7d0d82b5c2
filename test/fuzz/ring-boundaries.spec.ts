import { RingBlockReader } from "@picket/sensor/capture/ring-block.js";
import { describe, expect, it } from "vitest";
import {
  boundaryValues,
  chainedBytes,
  firstHeaderAt,
  type HeaderField,
  headerFields,
  outsideOf,
  setField,
  writeChain,
} from "./ring-headers.js";

const blockBytes = 1024;
const [start, end] = [blockBytes, 2 * blockBytes];
const packets = 4;
const boundaries = boundaryValues(blockBytes);
const fields = Object.keys(headerFields) as HeaderField[];
/** Fields that move the walk or the bytes it hands on; of these any two go wrong together. */
const leading: readonly HeaderField[] = ["nextOffset", "capturedLength", "status", "linkOffset"];

/** A block between two others, which nothing may touch. */
class GuardedBlock {
  readonly bytes = new Uint8Array(3 * blockBytes).fill(0xa5);
  readonly reader: RingBlockReader;
  delivered = 0;

  constructor(isCooked: boolean) {
    this.reader = new RingBlockReader(this.bytes.buffer, blockBytes, isCooked, 1, (block) => {
      this.delivered += block.count;
      const wrong = outsideOf(block, start, end);
      if (wrong !== undefined) throw new Error(wrong);
    });
  }

  /** Reads the block with what `change` did to a good one; throws for every byte changed outside it. */
  read(first: number, count: number, change: (bytes: Uint8Array) => void): void {
    writeChain(this.bytes, start, packets);
    change(this.bytes);
    this.reader.read(start, first, count);
    for (let at = 0; at < start; at++)
      if (this.bytes[at] !== 0xa5 || this.bytes[end + at] !== 0xa5)
        throw new Error(`wrote outside the block, near ${at}`);
  }
}

describe.each([
  ["of Ethernet", false],
  ["without a link layer", true],
])("a block %s leads nowhere outside itself", (_, isCooked) => {
  it("when it is good: every packet is handed on", () => {
    const block = new GuardedBlock(isCooked);
    block.read(firstHeaderAt, packets, () => {});
    expect([block.delivered, block.reader.recordsCorrupt]).toEqual([packets, 0]);
  });

  it.each(fields)("with any boundary value in %s of any packet", (field) => {
    const block = new GuardedBlock(isCooked);
    for (let packet = 0; packet < packets; packet++)
      for (const value of boundaries)
        block.read(firstHeaderAt, packets, (bytes) => {
          setField(bytes, start + firstHeaderAt + packet * chainedBytes, field, value);
        });
    expect(block.delivered).toBe(block.reader.packets);
  });

  it("with boundary values in two fields at once", () => {
    const block = new GuardedBlock(isCooked);
    for (const [one, other] of leading.flatMap((a, i) => leading.slice(i + 1).map((b) => [a, b] as const)))
      for (const first of boundaries)
        for (const second of boundaries)
          block.read(firstHeaderAt, packets, (bytes) => {
            setField(bytes, start + firstHeaderAt, one, first);
            setField(bytes, start + firstHeaderAt, other, second);
          });
    expect(block.reader.recordsCorrupt).toBeGreaterThan(0);
    expect(block.delivered).toBe(block.reader.packets);
  });

  it("with any first offset and any count in the block's own header", () => {
    const block = new GuardedBlock(isCooked);
    for (const first of boundaries)
      for (const count of boundaries) block.read(first, Math.min(count, 0xffff_ffff), () => {});
    expect(block.reader.recordsCorrupt).toBeGreaterThan(boundaries.length);
  });

  it("when it is not in the ring at all", () => {
    const block = new GuardedBlock(isCooked);
    for (const at of [3, 4, 1 << 20, 0x3f_ffff]) block.reader.read(at * blockBytes, firstHeaderAt, packets);
    expect([block.delivered, block.reader.recordsCorrupt]).toEqual([0, 4]);
  });
});
