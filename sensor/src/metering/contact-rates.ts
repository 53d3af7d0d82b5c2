const cellsMax = 16_384;
const cellShift = 18;
const countMax = 0xffff;

/**
 * Counts what comes by a secret hash and says when it comes too often. Bounded:
 * hashes share cells, so that what is rare may be taken for frequent where
 * very much is frequent, never the other way round.
 */
export class ContactRates {
  private readonly counts = new Uint16Array(cellsMax);
  private readonly countLimit: number;

  constructor(perSecond: number) {
    // With halving each second a steady rate is counted up to twice.
    this.countLimit = Math.min(countMax - 1, perSecond * 2);
  }

  /** Counts one; true when there are more than the limit. */
  isAbove(hash: number): boolean {
    const cell = hash >>> cellShift;
    const count = this.counts[cell];
    if (count < countMax) this.counts[cell] = count + 1;
    return count >= this.countLimit;
  }

  /** To be called each second: forgets half. */
  decay(): void {
    const { counts } = this;
    for (let i = 0; i < cellsMax; i++) counts[i] >>>= 1;
  }
}
