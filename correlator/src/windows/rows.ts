const chunkBits = 12;
const rowsPerChunk = 1 << chunkBits;
const firstSlots = 1 << 10;
const wordsPerSlot = 2;

/** Rows of some words each, numbered from 0, in chunks that never move. */
export class Rows {
  /** Rows in use are below this number. */
  end = 0;
  private readonly chunks: Int32Array[] = [];

  /** @param width words of a row */
  constructor(private readonly width: number) {}

  /** The words among which a row is, from `offset` on. */
  chunk(row: number): Int32Array {
    return this.chunks[row >>> chunkBits];
  }

  offset(row: number): number {
    return (row & (rowsPerChunk - 1)) * this.width;
  }

  /** One more row, all words 0. */
  add(): number {
    if (this.end === this.chunks.length * rowsPerChunk)
      this.chunks.push(new Int32Array(rowsPerChunk * this.width));
    return this.end++;
  }
}

/** Rows by a hash of theirs: open addressing in pairs of hash and row, at a load of at most three quarters. */
export class RowIndex {
  private slots = new Int32Array(firstSlots * wordsPerSlot);
  private mask = firstSlots - 1;
  private size = 0;

  /** Place of the first row with this hash, -1 where there is none. */
  first(hash: number): number {
    return this.seek(hash & this.mask, hash);
  }

  /** Place of the next row with this hash, -1 where there is none. */
  next(place: number, hash: number): number {
    return this.seek((place + 1) & this.mask, hash);
  }

  row(place: number): number {
    return this.slots[place * wordsPerSlot + 1] - 1;
  }

  add(hash: number, row: number): void {
    if (++this.size * 4 > (this.mask + 1) * 3) this.grow();
    this.put(hash, row + 1);
  }

  remove(hash: number, row: number): void {
    let place = this.first(hash);
    while (place >= 0 && this.row(place) !== row) place = this.next(place, hash);
    if (place < 0) return;
    this.size--;
    this.closeUp(place);
  }

  private seek(from: number, hash: number): number {
    const { slots, mask } = this;
    for (let place = from; ; place = (place + 1) & mask) {
      if (slots[place * wordsPerSlot + 1] === 0) return -1;
      if (slots[place * wordsPerSlot] === hash) return place;
    }
  }

  private put(hash: number, held: number): void {
    const { slots, mask } = this;
    let place = hash & mask;
    while (slots[place * wordsPerSlot + 1] !== 0) place = (place + 1) & mask;
    slots[place * wordsPerSlot] = hash;
    slots[place * wordsPerSlot + 1] = held;
  }

  /** What follows a free place moves there, where it would have been without what was in it. */
  private closeUp(free: number): void {
    const { slots, mask } = this;
    let place = (free + 1) & mask;
    for (; slots[place * wordsPerSlot + 1] !== 0; place = (place + 1) & mask) {
      const home = slots[place * wordsPerSlot] & mask;
      if (((place - home) & mask) < ((place - free) & mask)) continue;
      slots[free * wordsPerSlot] = slots[place * wordsPerSlot];
      slots[free * wordsPerSlot + 1] = slots[place * wordsPerSlot + 1];
      free = place;
    }
    slots[free * wordsPerSlot + 1] = 0;
  }

  private grow(): void {
    const { slots } = this;
    this.slots = new Int32Array(slots.length * 2);
    this.mask = slots.length - 1;
    for (let at = 0; at < slots.length; at += wordsPerSlot)
      if (slots[at + 1] !== 0) this.put(slots[at], slots[at + 1]);
  }
}
