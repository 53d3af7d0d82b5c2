/** Width of a bucket: how late a timer may fire. */
const tickUs = 50_000;
/** Buckets, a power of two; later deadlines are looked at once a turn. */
const bucketsMax = 2048;
const bucketMask = bucketsMax - 1;

/** Of a slot: words next and previous in its list, and its bucket; each plus 1, or 0 for none. */
const slotShift = 2;
const previousAt = 1;
const bucketAt = 2;

/**
 * One coarse deadline per slot, in linked lists by bucket: setting, cancelling
 * and firing cost the same whatever the number of slots. A deadline may be set
 * too early (the owner looks and sets it again), never too late.
 */
export class TimerWheel {
  /** First slot of each bucket plus 1, or 0. */
  private readonly heads = new Int32Array(bucketsMax);
  private readonly slots: Int32Array;
  /** Timers that are set. */
  private length = 0;
  private tick = 0;
  private bucket = 0;

  /** Memory of slots that never have a timer is not touched. */
  constructor(slotsMax: number) {
    this.slots = new Int32Array(slotsMax << slotShift);
  }

  /** End of the current bucket: before this time nothing is due. */
  get nextTickUs(): number {
    return (this.tick + 1) * tickUs;
  }

  /** Moves an empty wheel to a time, forward or back. */
  restart(nowUs: number): void {
    this.moveTo(Math.floor(nowUs / tickUs));
  }

  /** Looks at `slot` at `deadlineUs` or earlier; an earlier deadline stays. */
  set(slot: number, deadlineUs: number): void {
    const ticks = Math.ceil(deadlineUs / tickUs) - this.tick;
    const ahead = ticks < 1 ? 1 : ticks > bucketMask ? bucketMask : ticks;
    const current = this.slots[(slot << slotShift) + bucketAt] - 1;
    if (current !== -1) {
      if (((current - this.bucket) & bucketMask) <= ahead) return;
      this.cancel(slot);
    }
    this.link(slot, (this.bucket + ahead) & bucketMask);
  }

  isSet(slot: number): boolean {
    return this.slots[(slot << slotShift) + bucketAt] !== 0;
  }

  /** Forgets the timer of a slot. */
  cancel(slot: number): void {
    const { slots } = this;
    const at = slot << slotShift;
    const bucket = slots[at + bucketAt] - 1;
    if (bucket === -1) return;
    const next = slots[at];
    const previous = slots[at + previousAt];
    if (previous === 0) this.heads[bucket] = next;
    else slots[(previous - 1) << slotShift] = next;
    if (next !== 0) slots[((next - 1) << slotShift) + previousAt] = previous;
    slots[at + bucketAt] = 0;
    this.length--;
  }

  /** Takes one slot whose bucket is over at `nowUs`, or -1 when there is none. */
  takeDue(nowUs: number): number {
    const target = Math.floor(nowUs / tickUs);
    // After a long silence everything is due: one turn finds it all.
    if (target - this.tick > bucketsMax) this.moveTo(target - bucketsMax);
    for (;;) {
      const slot = this.heads[this.bucket] - 1;
      if (slot !== -1) {
        this.cancel(slot);
        return slot;
      }
      if (this.tick >= target) return -1;
      this.tick++;
      this.bucket = (this.bucket + 1) & bucketMask;
    }
  }

  /** Takes any slot that has a timer, or -1; afterwards only `restart` sets the time right. */
  takeAny(): number {
    while (this.length > 0) {
      const slot = this.heads[this.bucket] - 1;
      if (slot !== -1) {
        this.cancel(slot);
        return slot;
      }
      this.tick++;
      this.bucket = (this.bucket + 1) & bucketMask;
    }
    return -1;
  }

  private link(slot: number, bucket: number): void {
    const { slots } = this;
    const at = slot << slotShift;
    const head = this.heads[bucket];
    slots[at] = head;
    slots[at + previousAt] = 0;
    if (head !== 0) slots[((head - 1) << slotShift) + previousAt] = slot + 1;
    this.heads[bucket] = slot + 1;
    slots[at + bucketAt] = bucket + 1;
    this.length++;
  }

  private moveTo(tick: number): void {
    this.tick = tick;
    // A hostile file may carry a time before 1970.
    this.bucket = ((tick % bucketsMax) + bucketsMax) % bucketsMax;
  }
}
