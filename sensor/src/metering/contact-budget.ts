const secondUs = 1_000_000;

/** Lets so many contacts in a second of packet time; what is not used is kept for a second. */
export class ContactBudget {
  private left: number;

  constructor(private readonly perSecond: number) {
    this.left = perSecond;
  }

  /** `elapsedUs`: time since the last call; a clock set back adds nothing. */
  refill(elapsedUs: number): void {
    if (elapsedUs > 0)
      this.left = Math.min(this.perSecond, this.left + (elapsedUs * this.perSecond) / secondUs);
  }

  take(): boolean {
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }
}
