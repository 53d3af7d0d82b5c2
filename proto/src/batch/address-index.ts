/**
 * Positions of addresses in an address table, by open addressing. The hash is
 * HalfSipHash-1-3 under the seed, so that nobody who chooses the addresses can
 * make them collide.
 */
export class AddressIndex {
  /** Position in the table plus one; 0 is a free slot. */
  private readonly slots: Uint16Array;
  private readonly mask: number;
  private readonly key0: number;
  private readonly key1: number;

  /** `words` is the table: four words an address. `seed` is a whole number below 2^53. */
  constructor(
    private readonly words: Uint32Array,
    seed: number,
  ) {
    const slots = slotsFor(words.length / 4);
    this.slots = new Uint16Array(slots);
    this.mask = slots - 1;
    this.key0 = seed | 0;
    this.key1 = Math.floor(seed / 0x1_0000_0000) | 0;
  }

  /**
   * Position of the address among the first `count` of the table; `count` when
   * it is new, in which case it was written there. The table must have room.
   */
  findOrAdd(w0: number, w1: number, w2: number, w3: number, count: number): number {
    const { words, slots, mask } = this;
    let slot = halfSipHash(this.key0, this.key1, w0, w1, w2, w3) & mask;
    for (let position = slots[slot]; position !== 0; position = slots[slot]) {
      const at = (position - 1) * 4;
      if (
        words[at + 3] === w3 >>> 0 &&
        words[at + 2] === w2 >>> 0 &&
        words[at + 1] === w1 >>> 0 &&
        words[at] === w0 >>> 0
      )
        return position - 1;
      slot = (slot + 1) & mask;
    }
    slots[slot] = count + 1;
    words[count * 4] = w0;
    words[count * 4 + 1] = w1;
    words[count * 4 + 2] = w2;
    words[count * 4 + 3] = w3;
    return count;
  }

  /** Forgets every address. */
  clear(): void {
    this.slots.fill(0);
  }
}

/** A power of two at least twice the addresses. */
function slotsFor(addresses: number): number {
  let slots = 16;
  while (slots < addresses * 2) slots *= 2;
  return slots;
}

/**
 * HalfSipHash-1-3 (Aumasson and Bernstein) of four words, or of the last one
 * when the address is IPv4; the round is written out, it is the hot path.
 */
function halfSipHash(key0: number, key1: number, w0: number, w1: number, w2: number, w3: number): number {
  let v0 = key0;
  let v1 = key1;
  let v2 = key0 ^ 0x6c796765;
  let v3 = key1 ^ 0x74656462;
  const isIpv4 = w0 === 0 && w1 === 0 && w2 === 0xffff;
  const lengthWord = isIpv4 ? 0x0400_0000 : 0x1000_0000;
  for (let step = isIpv4 ? 3 : 0; step < 8; step++) {
    const word =
      step > 4 ? 0 : step === 4 ? lengthWord : step === 3 ? w3 : step === 2 ? w2 : step === 1 ? w1 : w0;
    if (step === 5) v2 ^= 0xff;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  return v1 ^ v3;
}
