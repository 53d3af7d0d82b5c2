import { decodeGap } from "./gap-codec.js";
import { GapSum, type FlowTotals, type Gap } from "./gap.js";
import type { SpoolRead } from "./spool-segment.js";
import { noTotals } from "./spool.js";

/**
 * Gaps that are to be written to the spool: what dropped files held, merged
 * with the gaps of earlier drops so that they stay few, and what is corrupt.
 */
export class SpoolLosses {
  batchesDropped = 0;
  recordsDropped = 0;
  recordsCorrupt = 0;
  acknowledgedDropped = 0;
  readonly #dropped = new Map<string, GapSum>();
  #others: Gap[] = [];

  /** A batch that goes with its file. */
  dropBatch(epoch: Uint8Array, sequence: number, totals: FlowTotals): void {
    this.#sumOf(epoch).addBatch(epoch, sequence, totals);
    this.batchesDropped++;
    this.recordsDropped += totals.records;
  }

  /** Anything that goes with the file of `epoch`. */
  dropRead(epoch: Uint8Array, read: SpoolRead): void {
    if (read.kind === "hole") return this.keepCorrupt(epoch, read);
    if (read.isResent) return void this.acknowledgedDropped++;
    const { kind, sequence, totals } = read.kind === "item" ? read.item : read.header;
    if (kind === "batch") return this.dropBatch(epoch, sequence, totals);
    const gap = read.kind === "item" ? decodeGap(read.item.bytes) : undefined;
    if (gap?.reason === "spool_full") this.#sumOf(gap.epoch).addGap(gap);
    else if (gap !== undefined) this.#others.push(gap);
  }

  /** A record that cannot be read back: counted exactly when its header can. */
  keepCorrupt(epoch: Uint8Array, read: Exclude<SpoolRead, { kind: "item" }>): void {
    this.recordsCorrupt++;
    // The stream has it: nothing is lost.
    if (read.kind === "damaged" && read.isResent) return;
    const known = read.kind === "damaged";
    const first = known ? read.header.sequence : read.afterSequence === 0 ? 0 : read.afterSequence + 1;
    this.#others.push({
      ...(known ? read.header.totals : noTotals),
      epoch,
      firstSequence: first,
      lastSequence: known ? first : 0,
      reason: "corrupt",
    });
  }

  /** What is to be written now. */
  take(): Gap[] {
    const dropped = [...this.#dropped.values()].map((sum) => sum.take()).filter((gap) => gap !== undefined);
    const others = this.#others;
    this.#dropped.clear();
    this.#others = [];
    return [...others, ...dropped];
  }

  #sumOf(epoch: Uint8Array): GapSum {
    const key = Buffer.from(epoch).toString("hex");
    const sum = this.#dropped.get(key) ?? new GapSum("spool_full");
    this.#dropped.set(key, sum);
    return sum;
  }
}
