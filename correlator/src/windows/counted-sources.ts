import type { AddressKey } from "./address-key.js";
import { AddressSet } from "./address-set.js";
import { DistinctCount } from "./distinct-count.js";
import type { SipHash } from "./sip-hash.js";

/** Up to so many are counted exactly. */
const exactMax = 4096;

/** How many distinct sources were added: exact while they are few, then estimated; the same in any order. */
export class CountedSources {
  private few = new AddressSet();
  private many: DistinctCount | undefined;

  constructor(private readonly hash: SipHash) {}

  add(source: AddressKey): void {
    if (this.many !== undefined) return void this.many.add(source);
    this.few.add(source);
    if (this.few.size <= exactMax) return;
    this.many = new DistinctCount(this.hash);
    for (const known of this.few.keys()) this.many.add(known);
    this.few = new AddressSet();
  }

  get count(): number {
    return this.many?.count ?? this.few.size;
  }
}
