/** Fingerprints of one generation; the older one is kept until this one is full. */
const generationMax = 32_768;

/** A bit is set for one in eight values at most; the filter stays in the cache, what it spares does not. */
const filterBits = 18;
const filterShift = 32 - filterBits;

/**
 * Remembers host pairs or connections by a 32-bit fingerprint from a secret
 * hash. Two bounded generations, so that a flood makes it forget, never grow.
 */
export class FingerprintMemory {
  private current = new Int32Array(generationMax * 2);
  private older = new Int32Array(generationMax * 2);
  private filter = new Int32Array(1 << (filterBits - 5));
  private olderFilter = new Int32Array(1 << (filterBits - 5));
  private length = 0;

  /** Remembers a fingerprint. */
  add(fingerprint: number): void {
    const value = fingerprint | 0 || 1;
    const at = position(this.current, value);
    if (this.current[at] === value) return;
    this.current[at] = value;
    const bit = value >>> filterShift;
    this.filter[bit >>> 5] |= 1 << (bit & 31);
    if (++this.length === generationMax) this.turn();
  }

  has(fingerprint: number): boolean {
    const value = fingerprint | 0 || 1;
    const bit = value >>> filterShift;
    const isMaybe = ((this.filter[bit >>> 5] | this.olderFilter[bit >>> 5]) >>> (bit & 31)) & 1;
    if (isMaybe === 0) return false;
    return (
      this.current[position(this.current, value)] === value ||
      this.older[position(this.older, value)] === value
    );
  }

  private turn(): void {
    const oldest = this.older;
    this.older = this.current;
    this.current = oldest.fill(0);
    const oldestFilter = this.olderFilter;
    this.olderFilter = this.filter;
    this.filter = oldestFilter.fill(0);
    this.length = 0;
  }
}

/** Where a value is or would be. */
function position(values: Int32Array, value: number): number {
  let at = (value >>> 16) & (generationMax * 2 - 1);
  while (values[at] !== 0 && values[at] !== value) at = (at + 1) & (generationMax * 2 - 1);
  return at;
}
