/**
 * Host names that wait for their flow's record, back to back in one ring: a new
 * one displaces the oldest, so the memory is fixed and nothing is ever freed.
 */
export class NameRing {
  readonly bytes: Uint8Array;
  /** Bytes taken since the start, the gaps at the wrap included. */
  private taken: number;
  /** Names before this place were another ring's. */
  private readonly start: number;

  /** `bytesMax` at least the longest name; places go on after those of the ring `before`. */
  constructor(
    readonly bytesMax: number,
    before?: NameRing,
  ) {
    this.bytes = new Uint8Array(bytesMax);
    this.start = this.taken = before?.taken ?? 0;
  }

  /** Stores a name; its place counts on for ever, see `offsetOf`. */
  add(name: Uint8Array, length: number): number {
    const room = this.bytesMax - (this.taken % this.bytesMax);
    if (length > room) this.taken += room;
    const place = this.taken;
    const offset = place % this.bytesMax;
    for (let at = 0; at < length; at++) this.bytes[offset + at] = name[at];
    this.taken += length;
    return place;
  }

  /** Where in `bytes` the name at `place` is; -1 when it was displaced. */
  offsetOf(place: number): number {
    const isDisplaced = place < this.start || this.taken - place > this.bytesMax;
    return isDisplaced ? -1 : place % this.bytesMax;
  }
}
