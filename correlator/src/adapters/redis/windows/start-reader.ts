import type { AddressKey } from "../../../windows/address-key.js";
import { linearCount } from "../../../windows/linear-count.js";
import { partitionOf, startBits, type StartDirection } from "../../../windows/window-store.js";
import type { RedisReply } from "../redis-connection.js";
import type { PartitionReads } from "./partition-reads.js";
import { startBlockSlices, windowKeys } from "./window-keys.js";
import { bytes, list } from "../redis-reply.js";

/** Slices behind the newest one read after which a block no longer changes: rate series take nothing that late. */
const openSlices = 24;
const blocksMax = 20_000;

/** Counts of one block's slices, both directions: outbound, then inbound. */
type BlockCounts = readonly [inbound: Float64Array, outbound: Float64Array];

/**
 * Counts of new flows by slice. A block that no longer changes is counted once
 * and remembered, so that a baseline costs nothing.
 */
export class StartReader {
  private closed = new Map<string, BlockCounts>();

  constructor(private readonly reads: PartitionReads) {}

  async read(
    host: AddressKey,
    direction: StartDirection,
    fromSlice: number,
    toSlice: number,
  ): Promise<Float64Array> {
    const counts = new Float64Array(toSlice - fromSlice + 1);
    const fromBlock = Math.floor(fromSlice / startBlockSlices);
    const blocks: Promise<BlockCounts>[] = [];
    for (let block = fromBlock; block * startBlockSlices <= toSlice; block++)
      blocks.push(this.block(host, block, toSlice));
    for (const [index, block] of (await Promise.all(blocks)).entries()) {
      const first = (fromBlock + index) * startBlockSlices;
      const side = block[direction === "outbound" ? 1 : 0];
      for (let i = 0; i < startBlockSlices; i++)
        if (first + i >= fromSlice && first + i <= toSlice) counts[first + i - fromSlice] = side[i];
    }
    return counts;
  }

  clear(): void {
    this.closed.clear();
  }

  private async block(host: AddressKey, block: number, toSlice: number): Promise<BlockCounts> {
    const partition = partitionOf(host);
    const key = windowKeys.startBlock(partition, block, host);
    const known = this.closed.get(key);
    if (known !== undefined) return known;
    const counts = countBlock(list(await this.reads.read(partition, "HGETALL", key)));
    if ((block + 1) * startBlockSlices <= toSlice - openSlices) this.remember(key, counts);
    return counts;
  }

  private remember(key: string, counts: BlockCounts): void {
    if (this.closed.size >= blocksMax) this.closed = new Map();
    this.closed.set(key, counts);
  }
}

/** Unites the positions of all contributions: a field is slice, direction and contribution. */
function countBlock(fields: readonly RedisReply[]): BlockCounts {
  const counts: BlockCounts = [new Float64Array(startBlockSlices), new Float64Array(startBlockSlices)];
  const bitmaps = new Map<number, Uint32Array>();
  for (let at = 0; at < fields.length; at += 2) {
    const field = bytes(fields[at]);
    if (field.length <= 2) continue;
    const place = field[0] * 2 + field[1];
    let bits = bitmaps.get(place);
    if (bits === undefined) bitmaps.set(place, (bits = new Uint32Array(startBits / 32)));
    setPositions(bits, bytes(fields[at + 1]));
  }
  for (const [place, bits] of bitmaps) counts[place & 1][place >>> 1] = linearCount(bits);
  return counts;
}

function setPositions(bits: Uint32Array, positions: Buffer): void {
  for (let at = 0; at + 1 < positions.length; at += 2) {
    const position = positions.readUInt16BE(at) % startBits;
    bits[position >>> 5] |= 1 << (position & 31);
  }
}
