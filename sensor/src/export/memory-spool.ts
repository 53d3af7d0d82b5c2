import { encodeGap } from "./gap-codec.js";
import { GapSum } from "./gap.js";
import {
  claimedEntry,
  newSpoolCounters,
  noTotals,
  type Spool,
  type SpoolEntry,
  type SpoolItem,
} from "./spool.js";

interface MemoryPlace {
  item: SpoolItem;
  isResent: boolean;
  acknowledgedUs: number;
}

/**
 * A spool in memory: keeps at most `bytesMax` and gives up the oldest first,
 * acknowledged items silently and unclaimed ones with a gap. For a sensor
 * without a disk, and beside a disk that is full.
 */
export class MemorySpool implements Spool {
  readonly counters = newSpoolCounters();
  readonly fault = undefined;
  /** What nobody claimed, the oldest first; then what is to be sent again. */
  readonly #waiting = new Set<MemoryPlace>();
  readonly #resent = new Set<MemoryPlace>();
  readonly #claimed = new Set<MemoryPlace>();
  readonly #acknowledged = new Set<MemoryPlace>();
  readonly #dropped = new GapSum("spool_full");

  constructor(private readonly bytesMax: number) {}

  /** Nothing is left that the stream does not have. */
  get isEmpty(): boolean {
    return this.#waiting.size + this.#claimed.size === 0 && this.#dropped.isEmpty;
  }

  appendClaimed(item: SpoolItem): SpoolEntry {
    return this.#keep(item, this.#claimed);
  }

  append(item: SpoolItem): void {
    this.#keep(item, this.#waiting);
  }

  next(): SpoolEntry | undefined {
    const gap = this.#dropped.take();
    if (gap !== undefined) {
      return this.appendClaimed({
        kind: "gap",
        epoch: gap.epoch,
        sequence: 0,
        bytes: encodeGap(gap),
        totals: noTotals,
      });
    }
    for (const unclaimed of [this.#waiting, this.#resent]) {
      for (const place of unclaimed) {
        unclaimed.delete(place);
        this.#claimed.add(place);
        return claimedEntry(place.item, place, place.isResent);
      }
    }
    return undefined;
  }

  acknowledged(entry: SpoolEntry, nowUs: number): void {
    const place = entry.place as MemoryPlace;
    if (!this.#claimed.delete(place)) return;
    place.acknowledgedUs = nowUs;
    place.isResent = true;
    this.#acknowledged.add(place);
    this.#dropOldest();
    this.#count(0);
  }

  applied(epoch: Uint8Array, floorSequence: number): void {
    for (const place of this.#acknowledged) {
      const { kind, sequence } = place.item;
      if (kind === "gap" || sequence > floorSequence) continue;
      if (Buffer.compare(place.item.epoch, epoch) === 0) this.#forget(this.#acknowledged, place);
    }
  }

  expire(acknowledgedBeforeUs: number): void {
    for (const place of this.#acknowledged) {
      if (place.acknowledgedUs >= acknowledgedBeforeUs) return;
      this.#forget(this.#acknowledged, place);
    }
  }

  resend(): void {
    for (const place of this.#acknowledged) this.#resent.add(place);
    this.#acknowledged.clear();
    this.#count(0);
  }

  delivered(entry: SpoolEntry): void {
    this.#forget(this.#claimed, entry.place as MemoryPlace);
  }

  release(entry: SpoolEntry): void {
    const place = entry.place as MemoryPlace;
    if (this.#claimed.delete(place)) (place.isResent ? this.#resent : this.#waiting).add(place);
  }

  async close(): Promise<void> {
    for (const places of [this.#waiting, this.#resent, this.#claimed, this.#acknowledged]) places.clear();
  }

  #keep(item: SpoolItem, places: Set<MemoryPlace>): SpoolEntry {
    const place = { item, isResent: false, acknowledgedUs: 0 };
    places.add(place);
    this.#count(item.bytes.length);
    if (item.kind === "batch") {
      this.counters.batchesSpooled++;
      this.#dropOldest();
    }
    return claimedEntry(item, place, false);
  }

  #dropOldest(): void {
    for (const delivered of [this.#acknowledged, this.#resent]) {
      for (const place of delivered) {
        if (this.counters.spoolBytes <= this.bytesMax) return;
        this.#forget(delivered, place);
        this.counters.acknowledgedDropped++;
      }
    }
    for (const place of this.#waiting) {
      if (this.counters.spoolBytes <= this.bytesMax) return;
      // Gaps are bounded by being merged, and claimed items by the publisher.
      if (place.item.kind === "gap") continue;
      this.#forget(this.#waiting, place);
      this.#dropped.addBatch(place.item.epoch, place.item.sequence, place.item.totals);
      this.counters.batchesDroppedSpoolFull++;
      this.counters.recordsDroppedSpoolFull += place.item.totals.records;
    }
  }

  #forget(places: Set<MemoryPlace>, place: MemoryPlace): void {
    if (places.delete(place)) this.#count(-place.item.bytes.length);
  }

  #count(bytes: number): void {
    const { counters } = this;
    counters.spoolBytes += bytes;
    counters.acknowledgedItems = this.#acknowledged.size;
    counters.spoolMemoryItems =
      this.#waiting.size + this.#resent.size + this.#claimed.size + this.#acknowledged.size;
  }
}
