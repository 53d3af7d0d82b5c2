/** Fingerprints of one generation; the older one is kept until this one is full. */
const generationMax = 32_768;

/**
 * Remembers host pairs or connections by a 32-bit fingerprint from a secret
 * hash. Two bounded generations, so that a flood makes it forget, never grow.
 */
export class FingerprintMemory {
  private current = new Int32Array(generationMax * 2);
  private older = new Int32Array(generationMax * 2);
  private length = 0;

  /** Remembers a fingerprint. */
  add(fingerprint: number): void {
    const value = fingerprint | 0 || 1;
    const at = position(this.current, value);
    if (this.current[at] === value) return;
    this.current[at] = value;
    if (++this.length === generationMax) this.turn();
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
  let at = (value >>> 16) & (generationMax * 2 - 1);
  while (values[at] !== 0 && values[at] !== value) at = (at + 1) & (generationMax * 2 - 1);
  return at;
}
