/** Width of a bucket: how late a timer may fire. */
const tickUs = 50_000;
/** Buckets, a power of two; later deadlines are looked at once a turn. */
const bucketsMax = 2048;
const bucketMask = bucketsMax - 1;

/**
 * One coarse deadline per slot, in linked lists by bucket: setting, cancelling
 * and firing cost the same whatever the number of slots. A deadline may be set
 * too early (the owner looks and sets it again), never too late.
 */
export class TimerWheel {
  private readonly heads = new Int32Array(bucketsMax).fill(-1);
  private readonly next: Int32Array;
  private readonly previous: Int32Array;
  /** Bucket of a slot, -1 when it has no timer. */
  private readonly bucketOf: Int32Array;
  private tick = 0;
  private bucket = 0;

  constructor(slotsMax: number) {
    this.next = new Int32Array(slotsMax).fill(-1);
    this.previous = new Int32Array(slotsMax).fill(-1);
    this.bucketOf = new Int32Array(slotsMax).fill(-1);
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
    const current = this.bucketOf[slot];
    if (current !== -1) {
      if (((current - this.bucket) & bucketMask) <= ahead) return;
      this.cancel(slot);
    }
    this.link(slot, (this.bucket + ahead) & bucketMask);
  }

  isSet(slot: number): boolean {
    return this.bucketOf[slot] !== -1;
  }

  /** Forgets the timer of a slot. */
  cancel(slot: number): void {
    const bucket = this.bucketOf[slot];
    if (bucket === -1) return;
    const next = this.next[slot];
    const previous = this.previous[slot];
    if (previous === -1) this.heads[bucket] = next;
    else this.next[previous] = next;
    if (next !== -1) this.previous[next] = previous;
    this.bucketOf[slot] = -1;
  }

  /** Takes one slot whose bucket is over at `nowUs`, or -1 when there is none. */
  takeDue(nowUs: number): number {
    const target = Math.floor(nowUs / tickUs);
    // After a long silence everything is due: one turn finds it all.
    if (target - this.tick > bucketsMax) this.moveTo(target - bucketsMax);
    for (;;) {
      const slot = this.heads[this.bucket];
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
    for (let i = 0; i < bucketsMax; i++) {
      const slot = this.heads[this.bucket];
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
    const head = this.heads[bucket];
    this.next[slot] = head;
    this.previous[slot] = -1;
    if (head !== -1) this.previous[head] = slot;
    this.heads[bucket] = slot;
    this.bucketOf[slot] = bucket;
  }

  private moveTo(tick: number): void {
    this.tick = tick;
    // A hostile file may carry a time before 1970.
    this.bucket = ((tick % bucketsMax) + bucketsMax) % bucketsMax;
  }
}
