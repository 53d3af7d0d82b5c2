/** Prior of a crowd's distinct failing sources in one slice: half a source in 120 slices. */
const priorShape = 0.5;
const priorWindows = 120;

/** What is known of a key's earlier slices. */
export interface CrowdBaseline {
  /** Sum of its sources, each slice capped at what would have alarmed. */
  readonly sources: number;
  readonly windows: number;
}

/**
 * Probability of at least `count` distinct failing sources in one slice, by the
 * Gamma-Poisson predictive (a negative binomial) of the key's own closed slices.
 */
export function crowdTail(count: number, baseline: CrowdBaseline): number {
  const shape = priorShape + baseline.sources;
  const odds = 1 / (priorWindows + baseline.windows + 1);
  let term = Math.pow(1 - odds, shape);
  let below = 0;
  for (let k = 0; k < count; k++) {
    below += term;
    term *= ((shape + k) / (k + 1)) * odds;
  }
  if (below < 0.999) return Math.max(0, 1 - below);
  return upperTail(term, count, shape, odds);
}

/** Sums the tail itself where 1 - below would lose all digits. */
function upperTail(first: number, count: number, shape: number, odds: number): number {
  let term = first;
  let tail = 0;
  for (let k = count; k < count + 10_000 && term > tail * 1e-15; k++) {
    tail += term;
    term *= ((shape + k) / (k + 1)) * odds;
  }
  return Math.min(1, tail);
}

/** The baseline of a key that is besides hit by so many sources a slice as any other, at random. */
export function withEvenShare({ sources, windows }: CrowdBaseline, evenShare: number): CrowdBaseline {
  return { sources: sources + evenShare * (priorWindows + windows), windows };
}

/** Smallest count whose tail is below `probability`. */
export function crowdAlarmCount(probability: number, baseline: CrowdBaseline): number {
  let count = 1;
  while (count < 100_000 && crowdTail(count, baseline) >= probability) count++;
  return count;
}

/**
 * Baseline from the counts of earlier slices. Each slice adds at most the count
 * that would have alarmed then, so an attack does not become normal.
 */
export function crowdBaseline(
  history: ReadonlyMap<number, number>,
  slice: number,
  probability: number,
): CrowdBaseline {
  const earlier = [...history].filter(([past]) => past < slice).sort((a, b) => a[0] - b[0]);
  let baseline: CrowdBaseline = { sources: 0, windows: 0 };
  for (const [past, count] of earlier) {
    const capped = Math.min(count, crowdAlarmCount(probability, baseline));
    baseline = { sources: baseline.sources + capped, windows: past - earlier[0][0] + 1 };
  }
  const windows = earlier.length === 0 ? 0 : slice - earlier[0][0];
  return { sources: baseline.sources, windows };
}

/** Poisson probability of at most `count` events at mean `mean`. */
export function poissonLowerTail(count: number, mean: number): number {
  if (mean > 700) return count >= mean ? 1 : normalLowerTail((count + 0.5 - mean) / Math.sqrt(mean));
  let term = Math.exp(-mean);
  let sum = 0;
  for (let k = 0; k <= count; k++) {
    sum += term;
    term *= mean / (k + 1);
  }
  return Math.min(1, sum);
}

/** Mills-ratio bound of the normal tail; exact enough for a threshold far out. */
function normalLowerTail(z: number): number {
  if (z >= 0) return 1;
  return Math.min(1, Math.exp((-z * z) / 2) / (-z * Math.sqrt(2 * Math.PI) + 1));
}
