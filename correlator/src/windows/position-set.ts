import { startBits } from "./window-store.js";

/** Positions up to which a list is searched; beyond it each has a bit. */
const listedMax = 32;

/** Bit positions of a host's sketch, each once: a short list, then a bitmap. */
export class PositionSet {
  size = 0;
  private list: number[] = [];
  private bits: Uint8Array | undefined = undefined;

  /** @param position 0 to startBits - 1; others are taken modulo */
  add(position: number): void {
    const place = position % startBits;
    if (this.bits !== undefined) this.setBit(this.bits, place);
    else if (!this.list.includes(place)) this.append(place);
  }

  private append(place: number): void {
    if (this.size === listedMax) return this.spread(place);
    this.list.push(place);
    this.size++;
  }

  private spread(place: number): void {
    const bits = new Uint8Array(startBits >>> 3);
    this.bits = bits;
    this.size = 0;
    for (const listed of this.list) this.setBit(bits, listed);
    this.setBit(bits, place);
    this.list = [];
  }

  private setBit(bits: Uint8Array, place: number): void {
    const mask = 1 << (place & 7);
    if ((bits[place >>> 3] & mask) !== 0) return;
    bits[place >>> 3] |= mask;
    this.size++;
  }
}
