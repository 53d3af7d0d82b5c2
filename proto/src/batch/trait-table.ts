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
  /** Of each entry: bytes 0 to 3, bytes 4 and 5, and the slot it took. */
  private readonly lows = new Int32Array(batchRecordsMax);
  private readonly highs = new Int32Array(batchRecordsMax);
  private readonly slotOf = new Uint16Array(batchRecordsMax);
  /** Position plus one; 0 is a free slot. */
  private readonly slots = new Uint16Array(slotMask + 1);
  private readonly factors = crypto.getRandomValues(new Uint32Array(2));

  /** Reads at most `batchRecordsMax` records; one loop over every column, it is the hot path. */
  gather(columns: FlowColumns): void {
    const { outcome, endReason, recordKind, protocol, application, length } = columns;
    const { oneSided, stealthKind, upgrade, closedPort, direction } = columns;
    const { forwardTcpFlags, reverseTcpFlags } = columns;
    const { ofRecord } = this;
    this.clear();
    for (let row = 0; row < length; row++) {
      const state = outcome[row] | (endReason[row] << 3) | (recordKind[row] << 6);
      const marks =
        oneSided[row] |
        (stealthKind[row] << 1) |
        (upgrade[row] << 4) |
        (closedPort[row] << 5) |
        (direction[row] << 6);
      const low = protocol[row] | (state << 8) | (marks << 16) | (application[row] << 24);
      ofRecord[row] = this.findOrAdd(low, forwardTcpFlags[row] | (reverseTcpFlags[row] << 8));
    }
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

  private findOrAdd(low: number, high: number): number {
    const { lows, highs, slots, factors, count } = this;
    let slot = (Math.imul(low, factors[0] | 1) + Math.imul(high, factors[1] | 1)) >>> (32 - slotBits);
    for (let entry = slots[slot]; entry !== 0; entry = slots[slot]) {
      if (lows[entry - 1] === low && highs[entry - 1] === high) return entry - 1;
      slot = (slot + 1) & slotMask;
    }
    slots[slot] = count + 1;
    lows[count] = low;
    highs[count] = high;
    this.slotOf[count] = slot;
    this.count = count + 1;
    return count;
  }

  private clear(): void {
    for (let position = 0; position < this.count; position++) this.slots[this.slotOf[position]] = 0;
    this.count = 0;
  }
}
