import type { AddressKey } from "./address-key.js";
import { linearEstimate } from "./linear-count.js";
import {
  hotStartsMin,
  startBits,
  startSliceMs,
  type StartDirection,
  type StartObservation,
  type WindowStoreCounters,
} from "./window-store.js";

/** Slices behind the closed ones whose counts are kept: the baseline reaches 60 back. */
const keptSlices = 120;

/** New flows of each host and direction by slice. */
export class StartWindows {
  private readonly slices = new Map<number, Map<string, Set<number>>>();
  private readonly closed = new Map<number, Map<string, number>>();
  /** Slices before this one are closed: they keep their count only. */
  private openSlice = 0;

  constructor(private readonly counters: WindowStoreCounters) {}

  /** True when the slice is hot after this. */
  merge(start: StartObservation): boolean {
    if (start.slice < this.openSlice) return this.refuse();
    const positions = this.positionsOf(start);
    for (const position of start.positions) positions.add(position);
    return positions.size >= hotStartsMin;
  }

  /** Distinct flows of each slice from `fromSlice` to `toSlice` inclusive. */
  read(host: AddressKey, direction: StartDirection, fromSlice: number, toSlice: number): Float64Array {
    const counts = new Float64Array(toSlice - fromSlice + 1);
    for (let slice = fromSlice; slice <= toSlice; slice++) {
      const found = this.slices.get(slice)?.get(direction + host);
      counts[slice - fromSlice] =
        found === undefined ? (this.closed.get(slice)?.get(direction + host) ?? 0) : countOf(found);
    }
    return counts;
  }

  /** Closes every slice that ends at or before `untilMs`. */
  close(untilMs: number): void {
    this.openSlice = Math.floor(untilMs / startSliceMs);
    for (const [slice, hosts] of this.slices) {
      if (slice >= this.openSlice) continue;
      this.slices.delete(slice);
      this.closed.set(slice, new Map([...hosts].map(([key, found]) => [key, countOf(found)])));
    }
    for (const slice of this.closed.keys())
      if (slice < this.openSlice - keptSlices) this.closed.delete(slice);
  }

  private refuse(): boolean {
    this.counters.startsRefused++;
    return false;
  }

  private positionsOf(start: StartObservation): Set<number> {
    let hosts = this.slices.get(start.slice);
    if (hosts === undefined) this.slices.set(start.slice, (hosts = new Map()));
    const key = start.direction + start.host;
    let positions = hosts.get(key);
    if (positions === undefined) hosts.set(key, (positions = new Set()));
    return positions;
  }
}

function countOf(positions: ReadonlySet<number>): number {
  return linearEstimate(positions.size, startBits);
}
