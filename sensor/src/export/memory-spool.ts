import { encodeGap } from "./gap-codec.js";
import { GapSum } from "./gap.js";
import { newSpoolCounters, noTotals, type Spool, type SpoolEntry, type SpoolItem } from "./spool.js";

interface MemoryPlace {
  item: SpoolItem;
  isClaimed: boolean;
}

/**
 * A spool in memory: keeps at most `bytesMax` and drops the oldest unclaimed
 * items with a gap. For a sensor without a disk, and beside a disk that is full.
 */
export class MemorySpool implements Spool {
  readonly counters = newSpoolCounters();
  readonly fault = undefined;
  readonly #places = new Set<MemoryPlace>();
  readonly #dropped = new GapSum("spool_full");

  constructor(private readonly bytesMax: number) {}

  get isEmpty(): boolean {
    return this.#places.size === 0 && this.#dropped.isEmpty;
  }

  appendClaimed(item: SpoolItem): SpoolEntry {
    return this.#keep(item, true);
  }

  append(item: SpoolItem): void {
    this.#keep(item, false);
  }

  next(): SpoolEntry | undefined {
    const gap = this.#dropped.take();
    if (gap !== undefined) {
      return this.#keep(
        { kind: "gap", epoch: gap.epoch, sequence: 0, bytes: encodeGap(gap), totals: noTotals },
        true,
      );
    }
    for (const place of this.#places) {
      if (place.isClaimed) continue;
      place.isClaimed = true;
      return { ...place.item, place };
    }
    return undefined;
  }

  delivered(entry: SpoolEntry): void {
    const place = entry.place as MemoryPlace;
    if (this.#places.delete(place)) this.#count(-place.item.bytes.length);
  }

  release(entry: SpoolEntry): void {
    (entry.place as MemoryPlace).isClaimed = false;
  }

  async close(): Promise<void> {
    this.#places.clear();
  }

  #keep(item: SpoolItem, isClaimed: boolean): SpoolEntry {
    const place = { item, isClaimed };
    this.#places.add(place);
    this.#count(item.bytes.length);
    if (item.kind === "batch") {
      this.counters.batchesSpooled++;
      this.#dropOldest();
    }
    return { ...item, place };
  }

  #dropOldest(): void {
    for (const place of this.#places) {
      if (this.counters.spoolBytes <= this.bytesMax) return;
      // Claimed items are bounded by the publisher, gaps by being merged.
      if (place.isClaimed || place.item.kind === "gap") continue;
      this.#places.delete(place);
      this.#count(-place.item.bytes.length);
      this.#dropped.addBatch(place.item.epoch, place.item.sequence, place.item.totals);
      this.counters.batchesDroppedSpoolFull++;
      this.counters.recordsDroppedSpoolFull += place.item.totals.records;
    }
  }

  #count(bytes: number): void {
    this.counters.spoolBytes += bytes;
    this.counters.spoolMemoryItems = this.#places.size;
  }
}
