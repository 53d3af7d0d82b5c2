const firstMs = 250;
const lastMs = 5000;
/** A process that gave signs of life for this long starts the row anew. */
const healthyMs = 10_000;

/** How long to wait before a meter is started again: 250 ms, doubled up to 5 s. */
export class MeterBackoff {
  #nextMs = firstMs;
  #startedMs: number | undefined;

  /** The process works at `nowMs`. */
  onSign(nowMs: number): void {
    this.#startedMs ??= nowMs;
    if (nowMs - this.#startedMs >= healthyMs) this.#nextMs = firstMs;
  }

  /** Milliseconds to wait after the process ended. */
  next(): number {
    this.#startedMs = undefined;
    const waitMs = this.#nextMs;
    this.#nextMs = Math.min(waitMs * 2, lastMs);
    return waitMs;
  }
}
