import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { isIpv4Words } from "@picket/proto/batch/flow-columns.js";
import { addressKeyOfWords, type AddressKey } from "../windows/address-key.js";
import { finishHash, mixWord } from "./flow-hash.js";
import type { HomeNetworks } from "./home-networks.js";

/** What is derived once for each address of a batch, by index into its table. */
export class BatchAddresses {
  readonly isInside = new Uint8Array(65_536);
  /** Broadcast, multicast or unspecified: never an end of a first contact. */
  readonly isGroup = new Uint8Array(65_536);
  readonly hashHigh = new Int32Array(65_536);
  readonly hashLow = new Int32Array(65_536);
  /** Hash that is the same at every correlator. */
  readonly plainHash = new Int32Array(65_536);
  private readonly keys: (AddressKey | undefined)[] = [];
  private words: Uint32Array = new Uint32Array(0);

  load(columns: FlowColumns, home: HomeNetworks, seed: number): void {
    this.words = columns.addressWords;
    this.keys.length = 0;
    for (let index = 0; index < columns.addressCount; index++) {
      const offset = index * 4;
      this.isInside[index] = home.isInside(this.words, offset) ? 1 : 0;
      this.isGroup[index] = isGroupAddress(this.words, offset) ? 1 : 0;
      this.hashHigh[index] = this.hash(offset, seed);
      this.hashLow[index] = this.hash(offset, seed ^ 0x5bd1e995);
      this.plainHash[index] = this.hash(offset, 0x9747b28c);
    }
  }

  /** Key of the address itself. */
  key(index: number): AddressKey {
    return (this.keys[index] ??= addressKeyOfWords(this.words, index * 4));
  }

  /** Key of the address as a source: the /64 of an outside IPv6 address. */
  sourceKey(index: number): AddressKey {
    const key = this.key(index);
    return key.length === 16 && this.isInside[index] === 0 ? key.slice(0, 8) : key;
  }

  private hash(offset: number, seed: number): number {
    let hash = seed;
    for (let k = 0; k < 4; k++) hash = mixWord(hash, this.words[offset + k]);
    return finishHash(hash);
  }
}

function isGroupAddress(words: Uint32Array, offset: number): boolean {
  if (!isIpv4Words(words, offset))
    return (
      words[offset] >>> 24 === 0xff ||
      (words[offset] | words[offset + 1] | words[offset + 2] | words[offset + 3]) === 0
    );
  const address = words[offset + 3];
  return address >>> 28 === 0xe || address === 0xffffffff || address === 0;
}
