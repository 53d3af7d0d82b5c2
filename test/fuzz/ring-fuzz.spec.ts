import type { PacketBlock } from "@picket/sensor/capture/packet-source.js";
import { RingBlockReader } from "@picket/sensor/capture/ring-block.js";
import { describe, expect, it } from "vitest";
import { SeededRandom } from "../scenarios/seeded-random.js";

const blockBytes = 1024;
const blocks = 3;
const rounds = Number(process.env["PICKET_FUZZ_BLOCKS"] ?? 100_000);
const seed = Number(process.env["PICKET_FUZZ_SEED"] ?? 20_261_121);

/** Values at which lengths and offsets go wrong. */
const boundaries = [
  0, 1, 7, 8, 47, 48, 64, 67, 68, 71, 72, 82, 83, 87, 88, 96, 128, 955, 956, 1023, 1024, 1025, 2048, 3071,
  3072, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff,
];

/** Offsets of the header's fields by which the walk goes. */
const fields = [0, 12, 16, 20, 24, 32, 36, 50, 52, 58];

describe(`${rounds} blocks with any header (PICKET_FUZZ_SEED=${seed})`, () => {
  it.each([
    ["of Ethernet", false],
    ["without a link layer", true],
  ])("%s lead nowhere outside the block", (_, isCooked) => {
    const random = new SeededRandom(seed);
    const memory = new ArrayBuffer(blockBytes * blocks);
    const bytes = new Uint8Array(memory);
    const [start, end] = [blockBytes, 2 * blockBytes];
    let delivered = 0;
    const reader = new RingBlockReader(memory, blockBytes, isCooked, 1, (block) => {
      delivered += block.count;
      const wrong = outsideOf(block, start, end);
      if (wrong !== undefined) throw new Error(wrong);
    });
    for (let round = 0; round < rounds; round++) {
      scramble(bytes, start, random);
      const before = [Buffer.from(bytes.subarray(0, start)), Buffer.from(bytes.subarray(end))];
      const first = random.below(2) === 0 ? 48 : random.pick(boundaries);
      reader.read(start, first, random.below(4) === 0 ? random.pick(boundaries) : random.below(8));
      const isSame = before[0].equals(bytes.subarray(0, start)) && before[1].equals(bytes.subarray(end));
      if (!isSame) throw new Error(`round ${round} wrote outside the block`);
    }
    expect(delivered).toBe(reader.packets);
    expect(delivered).toBeGreaterThan(rounds / 10);
    expect(reader.recordsCorrupt).toBeGreaterThan(rounds / 10);
  });
});

/** A chain of plausible headers, some fields of which are not. */
function scramble(bytes: Uint8Array, start: number, random: SeededRandom): void {
  const view = new DataView(bytes.buffer);
  if (random.below(8) === 0) for (let i = 0; i < blockBytes; i++) bytes[start + i] = random.below(256);
  for (let header = start + 48; header + 128 <= start + blockBytes; header += 128) {
    view.setUint32(header, 128, true);
    view.setUint32(header + 12, random.below(33), true);
    view.setUint32(header + 16, random.below(1500), true);
    view.setUint32(header + 20, random.below(256), true);
    view.setUint16(header + 24, 82 + random.below(15), true);
    if (random.below(4) === 0) view.setUint32(header + random.pick(fields), random.pick(boundaries), true);
  }
}

/** What is wrong with the columns; a read outside the memory shows as no number. */
function outsideOf(block: PacketBlock, start: number, end: number): string | undefined {
  for (let i = 0; i < block.count; i++) {
    const [offset, length] = [block.offset[i], block.capturedLength[i]];
    if (offset < start || offset + length > end) return `packet at ${offset}, ${length} bytes`;
    if (!Number.isFinite(block.timeUs[i])) return `packet at ${offset} has no time`;
  }
  return undefined;
}
