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
   * True when (high, low) was seen at `times[row]` or earlier; remembers it otherwise.
   * @param high @param low halves of the contact's hash
   */
  has(high: number, low: number, times: Float64Array, row: number): boolean {
    const found = this.current.find(high, low);
    if (found >= 0) return !this.current.lower(found, times[row]);
    const older = this.previous.find(high, low);
    const seenMs = older >= 0 ? this.previous.timeMs(older) : Infinity;
    if (this.current.size >= this.entriesMax) this.rotate();
    this.current.add(high, low, Math.min(times[row], seenMs));
    return seenMs <= times[row];
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

/** Open addressing at a load of at most one half; a slot is two halves of a hash and a time. */
class Generation {
  size = 0;
  private readonly words: Int32Array;
  /** The same bytes: the time is the second half of a slot, 0 in a free one. */
  private readonly times: Float64Array;
  private readonly mask: number;

  constructor(capacity: number) {
    this.times = new Float64Array(capacity * 2);
    this.words = new Int32Array(this.times.buffer);
    this.mask = capacity - 1;
  }

  find(high: number, low: number): number {
    const { words, times, mask } = this;
    for (let slot = low & mask; times[slot * 2 + 1] !== 0; slot = (slot + 1) & mask)
      if (words[slot * 4] === high && words[slot * 4 + 1] === low) return slot;
    return -1;
  }

  timeMs(slot: number): number {
    return this.times[slot * 2 + 1];
  }

  /** True when the time was lowered. */
  lower(slot: number, timeMs: number): boolean {
    if (timeMs >= this.timeMs(slot)) return false;
    this.times[slot * 2 + 1] = timeMs;
    return true;
  }

  add(high: number, low: number, timeMs: number): void {
    const { words, times, mask } = this;
    let slot = low & mask;
    while (times[slot * 2 + 1] !== 0) slot = (slot + 1) & mask;
    words[slot * 4] = high;
    words[slot * 4 + 1] = low;
    times[slot * 2 + 1] = timeMs;
    this.size++;
  }

  clear(): void {
    this.times.fill(0);
    this.size = 0;
  }
}
