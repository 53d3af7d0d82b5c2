import type { FindingView } from "./incident.js";

/** Most keys of one view that are told apart; the rest no longer adds. */
const keysMax = 1000;

/** The counts of each view by key, as JSON holds them. */
export type ViewCountsState = readonly (readonly [FindingView, readonly (readonly [string, number])[]])[];

/**
 * Contacts counted once: within one view the keys do not overlap and add up;
 * views look at the same contacts from different sides, so the largest counts.
 */
export class ViewCounts {
  private readonly views = new Map<FindingView, Map<string, number>>();

  static of(state: ViewCountsState): ViewCounts {
    const counts = new ViewCounts();
    for (const [view, entries] of state) counts.views.set(view, new Map(entries));
    return counts;
  }

  state(): ViewCountsState {
    return [...this.views].map(([view, counts]) => [view, [...counts]]);
  }

  /** Sets a key's count to the larger of the known and the given one. */
  raise(view: FindingView, key: string, count: number): void {
    let counts = this.views.get(view);
    if (counts === undefined) this.views.set(view, (counts = new Map()));
    const known = counts.get(key);
    if (known === undefined && counts.size >= keysMax) return;
    counts.set(key, Math.max(known ?? 0, count));
  }

  absorb(other: ViewCounts): void {
    for (const [view, counts] of other.views) for (const [key, count] of counts) this.raise(view, key, count);
  }

  total(): number {
    let most = 0;
    for (const counts of this.views.values()) {
      let sum = 0;
      for (const count of counts.values()) sum += count;
      most = Math.max(most, sum);
    }
    return most;
  }

  clone(): ViewCounts {
    const copy = new ViewCounts();
    for (const [view, counts] of this.views) copy.views.set(view, new Map(counts));
    return copy;
  }
}
