import { CaptureFile } from "../capture-file.js";
import { PacketBlock, type PacketSourceCounters } from "../packet-source.js";

/** One packet of a capture file, copied out of its block. */
export interface ReadPacket {
  readonly timeUs: number;
  readonly linkType: number;
  readonly wireLength: number;
  readonly bytes: Uint8Array;
}

/** Everything a capture file holds and says at its end. */
export interface ReadCapture {
  readonly packets: readonly ReadPacket[];
  readonly counters: PacketSourceCounters;
  readonly truncatedReason: string | undefined;
}

/** Reads a whole capture file into memory. */
export async function readAll(path: string, packetsPerBlock?: number): Promise<ReadCapture> {
  const file = await CaptureFile.open(path);
  const block = new PacketBlock(packetsPerBlock);
  const packets: ReadPacket[] = [];
  while (await file.next(block)) {
    for (let index = 0; index < block.count; index++) packets.push(copyPacket(block, index));
  }
  return { packets, counters: file.counters, truncatedReason: file.truncatedReason };
}

function copyPacket(block: PacketBlock, index: number): ReadPacket {
  const start = block.offset[index];
  return {
    timeUs: block.timeUs[index],
    linkType: block.linkType[index],
    wireLength: block.wireLength[index],
    bytes: block.bytes.slice(start, start + block.capturedLength[index]),
  };
}
