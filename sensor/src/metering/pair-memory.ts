/** Host pairs of one generation; the older one is kept until this one is full. */
const pairsMax = 32_768;

/**
 * What this observation point has seen of host pairs: that packets from one
 * host to another pass here. Two bounded generations of 32-bit fingerprints,
 * so that a flood makes it forget, never grow.
 */
export class PairMemory {
  private current = new Int32Array(pairsMax * 2);
  private older = new Int32Array(pairsMax * 2);
  private length = 0;

  /** Remembers a fingerprint. */
  add(fingerprint: number): void {
    const value = fingerprint | 0 || 1;
    const at = position(this.current, value);
    if (this.current[at] === value) return;
    this.current[at] = value;
    if (++this.length === pairsMax) this.turn();
  }

  has(fingerprint: number): boolean {
    const value = fingerprint | 0 || 1;
    return (
      this.current[position(this.current, value)] === value ||
      this.older[position(this.older, value)] === value
    );
  }

  private turn(): void {
    const oldest = this.older;
    this.older = this.current;
    this.current = oldest.fill(0);
    this.length = 0;
  }
}

/** Where a value is or would be. */
function position(values: Int32Array, value: number): number {
  let at = (value >>> 16) & (pairsMax * 2 - 1);
  while (values[at] !== 0 && values[at] !== value) at = (at + 1) & (pairsMax * 2 - 1);
  return at;
}
