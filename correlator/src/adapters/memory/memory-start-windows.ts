import type { AddressKey } from "../../windows/address-key.js";
import { linearEstimate } from "../../windows/linear-count.js";
import {
  hotStartsMin,
  startBits,
  startSliceMs,
  type StartDirection,
  type StartObservation,
  type WindowLimits,
  type WindowStoreCounters,
} from "../../windows/window-store.js";

/** Slices behind the closed ones whose counts are kept: the baseline reaches 60 back. */
const keptSlices = 120;

interface StartSlice {
  readonly positions: Set<number>;
  readonly contributions: Set<string>;
  /** Positions of all contributions, repeats included: an upper bound of the count. */
  reported: number;
}

/** New flows of each host and direction by slice. */
export class MemoryStartWindows {
  private readonly slices = new Map<number, Map<string, StartSlice>>();
  private readonly closed = new Map<number, Map<string, number>>();
  /** Slices before this one are closed: they keep their count only. */
  private openSlice = 0;

  constructor(
    private readonly limits: WindowLimits,
    private readonly counters: WindowStoreCounters,
  ) {}

  /** True when the slice is hot after this. */
  merge(start: StartObservation): boolean {
    if (start.slice < this.openSlice) return this.refuse();
    const slice = this.slice(start);
    if (!slice.contributions.has(start.contribution)) this.add(slice, start);
    return slice.reported >= hotStartsMin;
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

  private slice(start: StartObservation): StartSlice {
    let hosts = this.slices.get(start.slice);
    if (hosts === undefined) this.slices.set(start.slice, (hosts = new Map()));
    const key = start.direction + start.host;
    let slice = hosts.get(key);
    if (slice === undefined) {
      slice = { positions: new Set(), contributions: new Set(), reported: 0 };
      hosts.set(key, slice);
    }
    return slice;
  }

  private add(slice: StartSlice, start: StartObservation): void {
    if (slice.contributions.size >= this.limits.startContributionsMax) {
      this.counters.startsRefused++;
      return;
    }
    slice.contributions.add(start.contribution);
    slice.reported += start.positions.length;
    for (const position of start.positions) slice.positions.add(position);
  }
}

function countOf(slice: StartSlice): number {
  return linearEstimate(slice.positions.size, startBits);
}
