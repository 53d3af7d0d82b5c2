/** A wall clock that never runs backwards between two corrections. */
export interface LiveClock {
  /** Microseconds since the Unix epoch. */
  nowUs(): number;
}

/** The wall clock is compared with the monotonic one this often. */
const correctionIntervalMs = 1000;
/** A smaller difference is rounding of the wall clock, not a step. */
const stepMinMs = 5;

/**
 * Wall time carried by the monotonic clock, so that packets keep microsecond
 * distances; set anew when the wall clock was stepped by more than 5 ms.
 */
export class MonotonicWallClock implements LiveClock {
  /** Corrections of more than `stepMinMs`. */
  steps = 0;
  #offsetMs: number;
  #checkAtMs: number;

  constructor(
    private readonly monotonicMs: () => number = () => performance.now(),
    private readonly wallMs: () => number = () => Date.now(),
  ) {
    const now = monotonicMs();
    this.#offsetMs = wallMs() - now;
    this.#checkAtMs = now + correctionIntervalMs;
  }

  nowUs(): number {
    const now = this.monotonicMs();
    if (now >= this.#checkAtMs) this.#correct(now);
    return Math.round((now + this.#offsetMs) * 1000);
  }

  #correct(now: number): void {
    this.#checkAtMs = now + correctionIntervalMs;
    const offsetMs = this.wallMs() - now;
    if (Math.abs(offsetMs - this.#offsetMs) < stepMinMs) return;
    this.#offsetMs = offsetMs;
    this.steps++;
  }
}
