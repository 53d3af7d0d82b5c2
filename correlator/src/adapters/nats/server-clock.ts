/**
 * The clock of the NATS server, from below: the time it gave to something it
 * stored, and what passed since that was seen. Never ahead of the server by
 * more than its own steps, whatever this machine's clock says.
 */
export class ServerClock {
  #knownMs = 0;
  #seenMs = 0;

  /** @param elapsedMs a clock that never steps, milliseconds */
  constructor(private readonly elapsedMs: () => number = () => performance.now()) {}

  /**
   * Something that the server stored at this time was seen just now.
   * @param storedMs milliseconds since the Unix epoch; anything else is ignored
   */
  observe(storedMs: number): void {
    if (!(storedMs > this.nowMs())) return;
    this.#knownMs = storedMs;
    this.#seenMs = this.elapsedMs();
  }

  /** Milliseconds since the Unix epoch; 0 before the first observation. */
  nowMs(): number {
    return this.#knownMs === 0 ? 0 : this.#knownMs + this.elapsedMs() - this.#seenMs;
  }
}
