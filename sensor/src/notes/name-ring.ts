/**
 * Host names that wait for their flow's record, back to back in one ring: a new
 * one displaces the oldest, so the memory is fixed and nothing is ever freed.
 */
export class NameRing {
  readonly bytes: Uint8Array;
  /** Bytes taken since the start, the gaps at the wrap included. */
  private taken = 0;

  /** `bytesMax` at least the longest name. */
  constructor(private readonly bytesMax: number) {
    this.bytes = new Uint8Array(bytesMax);
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
    return this.taken - place > this.bytesMax ? -1 : place % this.bytesMax;
  }
}
