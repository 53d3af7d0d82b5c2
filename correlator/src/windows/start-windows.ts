import type { AddressKey } from "./address-key.js";
import { linearEstimate } from "./linear-count.js";
import { PositionSet } from "./position-set.js";
import type { TouchedWindows } from "./touched-windows.js";
import {
  hotStartsMin,
  startBits,
  startSliceMs,
  type HotWindow,
  type StartDirection,
  type StartObservation,
  type WindowStoreCounters,
} from "./window-store.js";

/** Growth of a slice since it was told that is worth telling again. */
const growthMin = 1 / 4;
/** Slices behind the closed ones whose counts are kept: the baseline reaches 60 back. */
const keptSlices = 120;

/** New flows of one host and direction in one slice. */
interface Starts {
  readonly positions: PositionSet;
  window: HotWindow | undefined;
  /** Flows from which it is told again. */
  toldFrom: number;
}

type Sides<T> = Readonly<Record<StartDirection, Map<AddressKey, T>>>;

/** New flows of each host and direction by slice. */
export class StartWindows {
  private readonly slices = new Map<number, Sides<Starts>>();
  private readonly closed = new Map<number, Sides<number>>();
  /** Slices before this one are closed: they keep their count only. */
  private openSlice = 0;

  constructor(private readonly counters: WindowStoreCounters) {}

  /** Merges new flows; tells the window when its slice is hot after them, and grew by a quarter since it was told. */
  merge(start: StartObservation, touched: TouchedWindows): void {
    if (start.slice < this.openSlice) {
      this.counters.startsRefused++;
      return;
    }
    const found = this.startsOf(start);
    for (const position of start.positions) found.positions.add(position);
    if (found.positions.size < found.toldFrom) return;
    found.toldFrom = found.positions.size * (1 + growthMin);
    const known = found.window;
    const { host, direction, slice } = start;
    found.window ??= { kind: "starts", host, direction, slice };
    touched.add(found.window, known === undefined);
  }

  /** Distinct flows of each slice from `fromSlice` to `toSlice` inclusive. */
  read(host: AddressKey, direction: StartDirection, fromSlice: number, toSlice: number): Float64Array {
    const counts = new Float64Array(toSlice - fromSlice + 1);
    for (let slice = fromSlice; slice <= toSlice; slice++) {
      const found = this.slices.get(slice)?.[direction].get(host);
      counts[slice - fromSlice] =
        found === undefined ? (this.closed.get(slice)?.[direction].get(host) ?? 0) : countOf(found);
    }
    return counts;
  }

  /** Closes every slice that ends at or before `untilMs`. */
  close(untilMs: number): void {
    this.openSlice = Math.floor(untilMs / startSliceMs);
    for (const [slice, { outbound, inbound }] of this.slices) {
      if (slice >= this.openSlice) continue;
      this.slices.delete(slice);
      this.closed.set(slice, { outbound: countAll(outbound), inbound: countAll(inbound) });
    }
    for (const slice of this.closed.keys())
      if (slice < this.openSlice - keptSlices) this.closed.delete(slice);
  }

  private startsOf({ slice, direction, host }: StartObservation): Starts {
    let sides = this.slices.get(slice);
    if (sides === undefined) this.slices.set(slice, (sides = { outbound: new Map(), inbound: new Map() }));
    let starts = sides[direction].get(host);
    if (starts === undefined)
      sides[direction].set(
        host,
        (starts = { positions: new PositionSet(), window: undefined, toldFrom: hotStartsMin }),
      );
    return starts;
  }
}

function countAll(hosts: ReadonlyMap<AddressKey, Starts>): Map<AddressKey, number> {
  return new Map([...hosts].map(([host, starts]) => [host, countOf(starts)]));
}

function countOf({ positions }: Starts): number {
  return linearEstimate(positions.size, startBits);
}
