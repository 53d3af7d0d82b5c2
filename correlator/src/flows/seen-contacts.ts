/**
 * What this process already wrote, so that repeated traffic costs nothing: a
 * set of 64-bit hashes with the earliest time written, bounded, oldest half
 * forgotten first. Forgetting only costs a write that changes nothing.
 */
export class SeenContacts {
  private current: Generation;
  private previous: Generation;

  constructor(private readonly entriesMax: number = 1 << 18) {
    this.current = new Generation(entriesMax * 2);
    this.previous = new Generation(entriesMax * 2);
  }

  /**
   * True when (high, low) was seen at `timeMs` or earlier; remembers it otherwise.
   * @param high @param low halves of the contact's hash
   */
  has(high: number, low: number, timeMs: number): boolean {
    const found = this.current.find(high, low);
    if (found >= 0) return !this.current.lower(found, timeMs);
    const older = this.previous.find(high, low);
    const seenMs = older >= 0 ? this.previous.timeMs[older] : Infinity;
    if (this.current.size >= this.entriesMax) this.rotate();
    this.current.add(high, low, Math.min(timeMs, seenMs));
    return seenMs <= timeMs;
  }

  clear(): void {
    this.current.clear();
    this.previous.clear();
  }

  private rotate(): void {
    const oldest = this.previous;
    oldest.clear();
    this.previous = this.current;
    this.current = oldest;
  }
}

/** Open addressing at a load of at most one half. */
class Generation {
  readonly timeMs: Float64Array;
  size = 0;
  private readonly high: Int32Array;
  private readonly low: Int32Array;
  private readonly mask: number;

  constructor(capacity: number) {
    this.high = new Int32Array(capacity);
    this.low = new Int32Array(capacity);
    this.timeMs = new Float64Array(capacity);
    this.mask = capacity - 1;
  }

  find(high: number, low: number): number {
    let slot = low & this.mask;
    while (this.timeMs[slot] !== 0) {
      if (this.high[slot] === high && this.low[slot] === low) return slot;
      slot = (slot + 1) & this.mask;
    }
    return -1;
  }

  /** True when the time was lowered. */
  lower(slot: number, timeMs: number): boolean {
    if (timeMs >= this.timeMs[slot]) return false;
    this.timeMs[slot] = timeMs;
    return true;
  }

  add(high: number, low: number, timeMs: number): void {
    let slot = low & this.mask;
    while (this.timeMs[slot] !== 0) slot = (slot + 1) & this.mask;
    this.high[slot] = high;
    this.low[slot] = low;
    this.timeMs[slot] = timeMs;
    this.size++;
  }

  clear(): void {
    this.timeMs.fill(0);
    this.size = 0;
  }
}
