import type { AddressKey } from "../windows/address-key.js";
import type { StartObservation } from "../windows/window-store.js";
import type { BatchAddresses } from "./batch-addresses.js";

/** Rows of a batch's addresses, in two directions. */
const keysPerSlice = 2 * 65_536;

interface Bucket extends StartObservation {
  readonly positions: number[];
}

/** New flows of hosts by slice and direction, collected over any number of batches. */
export class NewStarts {
  /** Of the batch in hand, by slice, row of the host and direction: found without a text. */
  private readonly ofBatch = new Map<number, Bucket>();
  /** Slices of the batch in hand, in the order in which they came. */
  private readonly sliceNumbers = new Map<number, number>();
  private slices = new Map<number, Map<AddressKey, Bucket>>();
  private buckets: Bucket[] = [];
  private lastSlice = -1;
  private lastNumber = 0;

  /** @param row of the host in the addresses of the batch */
  add(row: number, isOutbound: boolean, slice: number, position: number, addresses: BatchAddresses): void {
    if (slice !== this.lastSlice) this.turnTo(slice);
    const key = this.lastNumber * keysPerSlice + row * 2 + (isOutbound ? 1 : 0);
    let bucket = this.ofBatch.get(key);
    if (bucket === undefined) {
      bucket = this.bucket(addresses.key(row), isOutbound, slice);
      this.ofBatch.set(key, bucket);
    }
    bucket.positions.push(position);
  }

  /** Rows mean other hosts from now on. */
  endBatch(): void {
    this.ofBatch.clear();
    this.sliceNumbers.clear();
    this.lastSlice = -1;
  }

  /** Everything since the last call. */
  take(): StartObservation[] {
    const { buckets } = this;
    this.buckets = [];
    this.slices = new Map();
    return buckets;
  }

  private turnTo(slice: number): void {
    let number = this.sliceNumbers.get(slice);
    if (number === undefined) this.sliceNumbers.set(slice, (number = this.sliceNumbers.size));
    this.lastSlice = slice;
    this.lastNumber = number;
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
