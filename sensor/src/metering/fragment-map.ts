/** Offsets of fragments are in units of eight bytes; no packet has more. */
const unitShift = 3;
const unitsMax = 8192;
const wordsPerSlot = unitsMax / 32;

/**
 * Which units of a packet its fragments cover and at which they begin: two bits
 * a unit, for a fixed number of packets. Fragments come in any order, and twice
 * when a capture sees them on two interfaces.
 */
export class FragmentMap {
  private readonly covered: Int32Array;
  private readonly begins: Int32Array;
  /** Units covered, and units of the whole packet once its last fragment came (0 before). */
  private readonly units: Int32Array;
  private readonly unitsWhole: Int32Array;

  constructor(slots: number) {
    this.covered = new Int32Array(slots * wordsPerSlot);
    this.begins = new Int32Array(slots * wordsPerSlot);
    this.units = new Int32Array(slots);
    this.unitsWhole = new Int32Array(slots);
  }

  /** Forgets the packet of a slot. */
  clear(slot: number): void {
    const at = slot * wordsPerSlot;
    this.covered.fill(0, at, at + wordsPerSlot);
    this.begins.fill(0, at, at + wordsPerSlot);
    this.units[slot] = 0;
    this.unitsWhole[slot] = 0;
  }

  /** True when every unit up to the last fragment's end is covered. */
  isWhole(slot: number): boolean {
    return this.unitsWhole[slot] !== 0 && this.units[slot] >= this.unitsWhole[slot];
  }

  /**
   * Adds the bytes from `start` (a multiple of eight) to before `end`, at most
   * 65,536 and at least one. True when they overlap what came before and are
   * no copy of it.
   */
  add(slot: number, start: number, end: number, isLast: boolean): boolean {
    const isCopy = this.isCopy(slot, start, end);
    const first = start >> unitShift;
    const next = (end + 7) >> unitShift;
    const isBehindLast = this.unitsWhole[slot] !== 0 && next > this.unitsWhole[slot];
    if (isLast) this.unitsWhole[slot] = next;
    if (isCopy) return false;
    const added = this.cover(slot, first, next);
    this.units[slot] += added;
    this.set(this.begins, slot, first);
    return isBehindLast || added < next - first;
  }

  /** True when one fragment of exactly these bytes came before (to eight bytes). */
  isCopy(slot: number, start: number, end: number): boolean {
    const first = start >> unitShift;
    const next = (end + 7) >> unitShift;
    if (!this.has(this.begins, slot, first)) return false;
    const at = slot * wordsPerSlot;
    for (let word = first >> 5; word << 5 < next; word++) {
      const mask = maskOf(word, first, next);
      if ((this.covered[at + word] & mask) !== mask) return false;
      const others = word === first >> 5 ? mask & ~(1 << (first & 31)) : mask;
      if ((this.begins[at + word] & others) !== 0) return false;
    }
    return next === unitsMax || !this.has(this.covered, slot, next) || this.has(this.begins, slot, next);
  }

  /** Covers units and returns how many were not. */
  private cover(slot: number, first: number, next: number): number {
    const { covered } = this;
    const at = slot * wordsPerSlot;
    let added = 0;
    for (let word = first >> 5; word << 5 < next; word++) {
      const mask = maskOf(word, first, next);
      added += bitsIn(mask & ~covered[at + word]);
      covered[at + word] |= mask;
    }
    return added;
  }

  private has(bits: Int32Array, slot: number, unit: number): boolean {
    return (bits[slot * wordsPerSlot + (unit >> 5)] & (1 << (unit & 31))) !== 0;
  }

  private set(bits: Int32Array, slot: number, unit: number): void {
    bits[slot * wordsPerSlot + (unit >> 5)] |= 1 << (unit & 31);
  }
}

/** The bits of a word whose units are at least `first` and below `next`. */
function maskOf(word: number, first: number, next: number): number {
  const from = first - (word << 5);
  const to = next - (word << 5);
  return (from <= 0 ? -1 : -1 << from) & (to >= 32 ? -1 : ~(-1 << to));
}

function bitsIn(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
