/** One timed thing with what is counted distinct, for example a port. */
export interface Timed {
  readonly timeMs: number;
  readonly value: string;
}

/**
 * Most distinct values within any window of `lengthMs` that ends at `fromMs` or
 * later, by one pass over the things in ascending order of time. O(n).
 */
export function mostDistinctWithin(things: readonly Timed[], lengthMs: number, fromMs = -Infinity): number {
  const counts = new Map<string, number>();
  let most = 0;
  let first = 0;
  for (const { timeMs, value } of things) {
    counts.set(value, (counts.get(value) ?? 0) + 1);
    while (things[first].timeMs <= timeMs - lengthMs) leave(counts, things[first++].value);
    if (timeMs >= fromMs) most = Math.max(most, counts.size);
  }
  return most;
}

function leave(counts: Map<string, number>, value: string): void {
  const left = (counts.get(value) ?? 0) - 1;
  if (left > 0) counts.set(value, left);
  else counts.delete(value);
}
