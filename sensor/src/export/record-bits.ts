/**
 * One bit for each 64 bytes of a segment file: records are longer than that, so
 * that the offset of a record has a bit of its own.
 */
export class RecordBits {
  #bits = new Uint8Array(1024);

  has(offset: number): boolean {
    const bit = offset >>> 6;
    return (((this.#bits[bit >>> 3] ?? 0) >>> (bit & 7)) & 1) === 1;
  }

  set(offset: number): void {
    const bit = offset >>> 6;
    if (bit >>> 3 >= this.#bits.length) this.#grow((bit >>> 3) + 1);
    this.#bits[bit >>> 3] |= 1 << (bit & 7);
  }

  clear(offset: number): void {
    const bit = offset >>> 6;
    if (bit >>> 3 < this.#bits.length) this.#bits[bit >>> 3] &= ~(1 << (bit & 7));
  }

  /** Clears the bits of the offset and of every later one. */
  clearFrom(offset: number): void {
    const bit = offset >>> 6;
    if (bit >>> 3 >= this.#bits.length) return;
    this.#bits[bit >>> 3] &= (1 << (bit & 7)) - 1;
    this.#bits.fill(0, (bit >>> 3) + 1);
  }

  /** Clears every bit that `others` has. */
  clearAllOf(others: RecordBits): void {
    const length = Math.min(this.#bits.length, others.#bits.length);
    for (let i = 0; i < length; i++) this.#bits[i] &= ~others.#bits[i];
  }

  clearAll(): void {
    this.#bits.fill(0);
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.#bits.length * 2));
    grown.set(this.#bits);
    this.#bits = grown;
  }
}
