import { encodeSpoolRecord, recordHeaderBytes } from "./spool-record.js";
import type { SpoolItem } from "./spool.js";

/** Larger than what a sensor under load hands over at once. */
const gatherBytesMax = 256 << 10;

/** Encoded records one behind the other, for a single write of them all. */
export class RecordGather {
  #buffer = Buffer.allocUnsafeSlow(gatherBytesMax);
  #length = 0;
  #count = 0;

  /** Records gathered. */
  get count(): number {
    return this.#count;
  }

  /** Of the records gathered; valid until the next `add`. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** One record always fits in an empty one, however large. */
  hasRoom(item: SpoolItem): boolean {
    return this.#count === 0 || this.#length + recordHeaderBytes + item.bytes.length <= this.#buffer.length;
  }

  /** Takes an item that has room and returns the bytes of its record. */
  add(item: SpoolItem): number {
    const recordBytes = recordHeaderBytes + item.bytes.length;
    if (recordBytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(recordBytes);
    encodeSpoolRecord(item, this.#buffer, this.#length);
    this.#length += recordBytes;
    this.#count++;
    return recordBytes;
  }

  clear(): void {
    this.#length = this.#count = 0;
  }
}
