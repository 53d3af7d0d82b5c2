/**
 * Strings of bytes back to back, each kept once: found by open addressing. Who
 * chooses the bytes could make them collide, at the price of one comparison of
 * hashes for each string of a table that holds at most some hundred.
 */
export class ByteTable {
  count = 0;
  /** Position plus one; 0 is a free slot. */
  private readonly slots: Uint16Array;
  private readonly hashes: Uint32Array;
  private readonly mask: number;

  /** String i of `bytes` ends at `ends[i]`; as many strings as `ends` has elements. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly ends: Uint16Array,
    private readonly seed: number,
  ) {
    let slots = 16;
    while (slots < ends.length * 2) slots *= 2;
    this.slots = new Uint16Array(slots);
    this.hashes = new Uint32Array(ends.length);
    this.mask = slots - 1;
  }

  /** Bytes of the strings so far. */
  get used(): number {
    return this.count === 0 ? 0 : this.ends[this.count - 1];
  }

  /** Position of the string, which is added when it is new; -1 without room for it. */
  findOrAdd(from: Uint8Array, offset: number, length: number): number {
    const { slots, mask, count, used } = this;
    const hash = hashBytes(from, offset, length, this.seed);
    let slot = hash & mask;
    for (let entry = slots[slot]; entry !== 0; entry = slots[slot]) {
      if (this.hashes[entry - 1] === hash && this.holds(entry - 1, from, offset, length)) return entry - 1;
      slot = (slot + 1) & mask;
    }
    if (count === this.ends.length || used + length > this.bytes.length) return -1;
    for (let index = 0; index < length; index++) this.bytes[used + index] = from[offset + index];
    this.ends[count] = used + length;
    this.hashes[count] = hash;
    slots[slot] = count + 1;
    this.count = count + 1;
    return count;
  }

  /** Forgets every string. */
  clear(): void {
    if (this.count !== 0) this.slots.fill(0);
    this.count = 0;
  }

  private holds(position: number, from: Uint8Array, offset: number, length: number): boolean {
    const { bytes, ends } = this;
    const start = position === 0 ? 0 : ends[position - 1];
    if (ends[position] - start !== length) return false;
    for (let index = 0; index < length; index++)
      if (bytes[start + index] !== from[offset + index]) return false;
    return true;
  }
}

/** FNV-1a from a seed, its bits mixed once more because the lowest choose the slot. */
function hashBytes(from: Uint8Array, offset: number, length: number, seed: number): number {
  let hash = seed ^ 0x811c_9dc5;
  for (let at = offset; at < offset + length; at++) hash = Math.imul(hash ^ from[at], 0x0100_0193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85eb_ca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
