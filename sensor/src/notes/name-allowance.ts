/**
 * How many names and bytes of names may be taken: both refill with packet time
 * and hold at most one second's worth.
 */
export class NameAllowance {
  private names: number;
  private bytes: number;
  private filledUs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly namesPerSecond: number,
    private readonly bytesPerSecond: number,
  ) {
    this.names = namesPerSecond;
    this.bytes = bytesPerSecond;
  }

  /** Takes one name of `length` bytes at `timeUs`; false, and nothing is taken, above the allowance. */
  take(length: number, timeUs: number): boolean {
    this.refill(timeUs);
    if (this.names < 1 || this.bytes < length) return false;
    this.names--;
    this.bytes -= length;
    return true;
  }

  /** A step back in time refills nothing and goes on from there. */
  private refill(timeUs: number): void {
    const seconds = Math.min(1, (timeUs - this.filledUs) / 1e6);
    this.filledUs = timeUs;
    if (seconds <= 0) return;
    this.names = Math.min(this.namesPerSecond, this.names + seconds * this.namesPerSecond);
    this.bytes = Math.min(this.bytesPerSecond, this.bytes + seconds * this.bytesPerSecond);
  }
}
