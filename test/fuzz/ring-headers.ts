import type { PacketBlock } from "@picket/sensor/capture/packet-source.js";

/** Where the fields of a packet's header in the ring are: offset and bytes (tpacket3_hdr, sockaddr_ll). */
export const headerFields = {
  nextOffset: [0, 4],
  seconds: [4, 4],
  nanoseconds: [8, 4],
  capturedLength: [12, 4],
  wireLength: [16, 4],
  status: [20, 4],
  linkOffset: [24, 2],
  networkOffset: [26, 2],
  hash: [28, 4],
  vlanTag: [32, 4],
  vlanType: [36, 2],
  addressProtocol: [50, 2],
  addressInterface: [52, 4],
  addressHardwareType: [56, 2],
  addressPacketType: [58, 1],
} as const;
export type HeaderField = keyof typeof headerFields;

/** The first packet's header is behind the block's own. */
export const firstHeaderAt = 48;
/** Room that each packet of a chain has. */
export const chainedBytes = 128;

/** Values at which lengths and offsets within a block of `blockBytes` go wrong, and those of every width. */
export function boundaryValues(blockBytes: number): number[] {
  const around = [
    0,
    48,
    64,
    68,
    72,
    82,
    88,
    128,
    256,
    blockBytes - 68,
    blockBytes,
    2 * blockBytes,
    3 * blockBytes,
  ];
  const powers = [7, 8, 15, 16, 31, 32].map((bits) => 2 ** bits);
  const near = [...around, ...powers].flatMap((value) => [value - 8, value - 1, value, value + 1, value + 8]);
  return [...new Set(near.filter((value) => value >= 0 && value <= 0xffff_ffff))];
}

/** Writes a chain of `packets` good headers, 14 bytes captured of each packet. */
export function writeChain(bytes: Uint8Array, blockAt: number, packets: number): void {
  for (let i = 0; i < packets; i++) {
    const header = blockAt + firstHeaderAt + i * chainedBytes;
    bytes.fill(0, header, header + chainedBytes);
    setField(bytes, header, "nextOffset", i + 1 < packets ? chainedBytes : 0);
    setField(bytes, header, "seconds", 1_790_000_000);
    setField(bytes, header, "capturedLength", 14);
    setField(bytes, header, "wireLength", 60);
    setField(bytes, header, "linkOffset", 96);
    setField(bytes, header, "networkOffset", 110);
  }
}

/** Sets a field of the header at `header`; what does not fit is cut off, as in memory. */
export function setField(bytes: Uint8Array, header: number, field: HeaderField, value: number): void {
  const [offset, width] = headerFields[field];
  for (let i = 0; i < width; i++) bytes[header + offset + i] = Math.floor(value / 2 ** (8 * i)) & 0xff;
}

/** What is wrong with the columns; a read outside the memory shows as no number. */
export function outsideOf(block: PacketBlock, start: number, end: number): string | undefined {
  for (let i = 0; i < block.count; i++) {
    const [offset, length] = [block.offset[i], block.capturedLength[i]];
    if (offset < start || offset + length > end) return `packet at ${offset}, ${length} bytes`;
    if (!Number.isFinite(block.timeUs[i])) return `packet at ${offset} has no time`;
  }
  return undefined;
}
