/** Sequences of one bitmap. */
export const segmentSequences = 4096;

/**
 * The sequences of an epoch that were seen, in any order, as bitmaps of
 * `segmentSequences`; a full one shrinks to its number. Beyond `segmentsMax`
 * the bitmap that was written to least recently is forgotten and counted.
 */
export class SequenceSet {
  segmentsForgotten = 0;
  readonly #open = new Map<number, Segment>();
  readonly #full = new Set<number>();

  constructor(private readonly segmentsMax = 512) {}

  /**
   * False when the sequence was there before.
   * @param sequence from 1, below 2^53
   */
  add(sequence: number): boolean {
    const number = Math.floor((sequence - 1) / segmentSequences);
    if (this.#full.has(number)) return false;
    const segment = this.#open.get(number) ?? { bits: new Uint8Array(segmentSequences / 8), count: 0 };
    this.#open.delete(number);
    this.#open.set(number, segment);
    const place = (sequence - 1) % segmentSequences;
    const mask = 1 << (place & 7);
    if ((segment.bits[place >> 3] & mask) !== 0) return false;
    segment.bits[place >> 3] |= mask;
    segment.count++;
    if (segment.count === segmentSequences) this.#close(number);
    else if (this.#open.size > this.segmentsMax) this.#forgetOldest();
    return true;
  }

  #close(number: number): void {
    this.#open.delete(number);
    this.#full.add(number);
  }

  #forgetOldest(): void {
    for (const number of this.#open.keys()) {
      this.#open.delete(number);
      this.segmentsForgotten++;
      return;
    }
  }
}

interface Segment {
  readonly bits: Uint8Array;
  count: number;
}
