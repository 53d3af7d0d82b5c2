const microsecondsMs = 1000;

/**
 * Says when it is time to look again: after a least interval, and later the
 * more a look costs, up to a most one.
 */
export class LookTimer {
  /** Microseconds of the last look. */
  costUs = 0;
  private lastUs = Number.NEGATIVE_INFINITY;

  /** Intervals in microseconds; `elapsedMs`: a clock that is never set. */
  constructor(
    private readonly intervalMinUs: number,
    private readonly intervalMaxUs: number,
    private readonly elapsedMs: () => number,
  ) {}

  /** `restShare`: least time between two looks, in times of what one costs. A clock set back makes it time. */
  isDue(nowUs: number, restShare: number): boolean {
    const wantedUs = restShare * this.costUs;
    const intervalUs = Math.min(this.intervalMaxUs, Math.max(this.intervalMinUs, wantedUs));
    return nowUs < this.lastUs || nowUs >= this.lastUs + intervalUs;
  }

  /** Looks, and remembers when and what it cost. */
  look(nowUs: number, action: () => void): void {
    const startMs = this.elapsedMs();
    action();
    this.costUs = microsecondsMs * (this.elapsedMs() - startMs);
    this.lastUs = nowUs;
  }
}
