import { traitBytes } from "./flow-batch-fields.js";
import { batchRecordsMax, type FlowColumns } from "./flow-columns.js";

const slotBits = 12;
const slotMask = (1 << slotBits) - 1;

/**
 * The traits of a batch (picket/v1/flow.proto): equal ones share an entry.
 * Open addressing over at least twice the entries, by a multiplicative hash
 * whose factors nobody outside knows, so that chosen packets cannot collide.
 */
export class TraitTable {
  count = 0;
  /** Entry of each record. */
  readonly ofRecord = new Uint16Array(batchRecordsMax);
  /** Of each record: the marks, and bytes 0 to 3 of its traits. */
  private readonly marks = new Uint8Array(batchRecordsMax);
  private readonly low = new Int32Array(batchRecordsMax);
  /** Of each entry: bytes 0 to 3, bytes 4 and 5, and the slot it took. */
  private readonly lows = new Int32Array(batchRecordsMax);
  private readonly highs = new Int32Array(batchRecordsMax);
  private readonly slotOf = new Uint16Array(batchRecordsMax);
  /** Position plus one; 0 is a free slot. */
  private readonly slots = new Uint16Array(slotMask + 1);
  private readonly factors = crypto.getRandomValues(new Uint32Array(2));

  /** Reads at most `batchRecordsMax` records. Few columns a loop: more do not fit the registers. */
  gather(columns: FlowColumns): void {
    const { outcome, endReason, recordKind, protocol, application, length } = columns;
    const { oneSided, stealthKind, upgrade, closedPort, direction } = columns;
    const { low, marks } = this;
    for (let row = 0; row < length; row++)
      marks[row] =
        oneSided[row] |
        (stealthKind[row] << 1) |
        (upgrade[row] << 4) |
        (closedPort[row] << 5) |
        (direction[row] << 6);
    for (let row = 0; row < length; row++)
      low[row] =
        protocol[row] |
        (outcome[row] << 8) |
        (endReason[row] << 11) |
        (recordKind[row] << 14) |
        (marks[row] << 16) |
        (application[row] << 24);
    this.share(columns.forwardTcpFlags, columns.reverseTcpFlags, length);
  }

  /** Writes the entries, `traitBytes` each; the position after them. */
  write(to: Uint8Array, start: number): number {
    let at = start;
    for (let position = 0; position < this.count; position++, at += traitBytes) {
      const low = this.lows[position];
      const high = this.highs[position];
      to[at] = low;
      to[at + 1] = low >>> 8;
      to[at + 2] = low >>> 16;
      to[at + 3] = low >>> 24;
      to[at + 4] = high;
      to[at + 5] = high >>> 8;
    }
    return at;
  }

  /** Finds or adds the entry of every record. */
  private share(forwardTcpFlags: Uint8Array, reverseTcpFlags: Uint8Array, length: number): void {
    const { ofRecord, lows, highs, slots } = this;
    const lowFactor = this.factors[0] | 1;
    const highFactor = this.factors[1] | 1;
    this.clear();
    for (let row = 0; row < length; row++) {
      const low = this.low[row];
      const high = forwardTcpFlags[row] | (reverseTcpFlags[row] << 8);
      let slot = (Math.imul(low, lowFactor) + Math.imul(high, highFactor)) >>> (32 - slotBits);
      let entry = slots[slot];
      while (entry !== 0 && (lows[entry - 1] !== low || highs[entry - 1] !== high)) {
        slot = (slot + 1) & slotMask;
        entry = slots[slot];
      }
      ofRecord[row] = entry === 0 ? this.add(low, high, slot) : entry - 1;
    }
  }

  private add(low: number, high: number, slot: number): number {
    const { count } = this;
    this.slots[slot] = count + 1;
    this.lows[count] = low;
    this.highs[count] = high;
    this.slotOf[count] = slot;
    this.count = count + 1;
    return count;
  }

  private clear(): void {
    for (let position = 0; position < this.count; position++) this.slots[this.slotOf[position]] = 0;
    this.count = 0;
  }
}
