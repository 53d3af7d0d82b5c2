import { contactBuckets } from "./window-keys.js";

/** Places of a side's and day's buckets in the keys of one call, so that a bucket is named once. */
export class ContactPlaces {
  private readonly sides = new Map<number, Uint16Array>();

  /**
   * @param isFailed @param day the side
   * @param name gives the place of a bucket that was not asked for yet
   */
  of(isFailed: boolean, day: number, bucket: number, name: () => number): number {
    const side = 2 * day + (isFailed ? 1 : 0);
    let places = this.sides.get(side);
    if (places === undefined) this.sides.set(side, (places = new Uint16Array(contactBuckets)));
    if (places[bucket] === 0) places[bucket] = name();
    return places[bucket];
  }

  clear(): void {
    this.sides.clear();
  }
}
