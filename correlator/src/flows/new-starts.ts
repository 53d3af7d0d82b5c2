import type { AddressKey } from "../windows/address-key.js";
import type { StartObservation } from "../windows/window-store.js";
import type { BatchAddresses } from "./batch-addresses.js";

interface Bucket extends StartObservation {
  readonly positions: number[];
}

/** New flows of hosts by slice and direction, collected over any number of batches. */
export class NewStarts {
  /** Of the batch in hand, by slice, then by row of the host and direction: found without a text. */
  private readonly ofBatch = new Map<number, (Bucket | undefined)[]>();
  private slices = new Map<number, Map<AddressKey, Bucket>>();
  private buckets: Bucket[] = [];
  private lastSlice = -1;
  private ofLastSlice: (Bucket | undefined)[] = [];

  /** @param row of the host in the addresses of the batch */
  add(row: number, isOutbound: boolean, slice: number, position: number, addresses: BatchAddresses): void {
    if (slice !== this.lastSlice) this.turnTo(slice, addresses.count * 2);
    const key = row * 2 + (isOutbound ? 1 : 0);
    let bucket = this.ofLastSlice[key];
    if (bucket === undefined) {
      bucket = this.bucket(addresses.key(row), isOutbound, slice);
      this.ofLastSlice[key] = bucket;
    }
    bucket.positions.push(position);
  }

  /** Rows mean other hosts from now on. */
  endBatch(): void {
    this.ofBatch.clear();
    this.lastSlice = -1;
  }

  /** Everything since the last call. */
  take(): StartObservation[] {
    const { buckets } = this;
    this.buckets = [];
    this.slices = new Map();
    return buckets;
  }

  private turnTo(slice: number, keys: number): void {
    let buckets = this.ofBatch.get(slice);
    if (buckets === undefined) this.ofBatch.set(slice, (buckets = Array.from({ length: keys })));
    this.lastSlice = slice;
    this.ofLastSlice = buckets;
  }

  private bucket(host: AddressKey, isOutbound: boolean, slice: number): Bucket {
    const number = slice * 2 + (isOutbound ? 1 : 0);
    let hosts = this.slices.get(number);
    if (hosts === undefined) this.slices.set(number, (hosts = new Map()));
    let bucket = hosts.get(host);
    if (bucket === undefined) {
      bucket = { host, direction: isOutbound ? "outbound" : "inbound", slice, positions: [] };
      hosts.set(host, bucket);
      this.buckets.push(bucket);
    }
    return bucket;
  }
}
