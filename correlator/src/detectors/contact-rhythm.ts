/** Contacts closer than this are one: parallel connections, or a retry. */
const togetherMs = 1000;
/** Deviation from the usual gap, as a share of it, that only a timer keeps to. */
const tightJitter = 0.05;
/** Deviation of sizes that still counts as the same. */
const sameSize = 0.1;

/** How regular a row of contacts is. */
export interface ContactRhythm {
  /** Contacts, those close together counted once. */
  readonly contacts: number;
  /** From the first to the last, milliseconds. */
  readonly spanMs: number;
  /** Median of the gaps, milliseconds. */
  readonly gapMs: number;
  /** Share of the gaps within the allowed deviation from the median. */
  readonly regularShare: number;
  /** The same within a twentieth. */
  readonly tightShare: number;
}

/**
 * Gaps against their own median, which a pause or a missed beat does not move.
 * Of gaps that chance makes about a quarter lie within 35 % of the median.
 * @param timesMs in any order
 */
export function contactRhythm(timesMs: readonly number[], jitterMax: number): ContactRhythm {
  const times = together([...timesMs].sort((a, b) => a - b));
  const gaps = times.slice(1).map((time, index) => time - times[index]);
  const gapMs = medianOf(gaps);
  return {
    contacts: times.length,
    spanMs: times.length === 0 ? 0 : times[times.length - 1] - times[0],
    gapMs,
    regularShare: shareWithin(gaps, gapMs, jitterMax),
    tightShare: shareWithin(gaps, gapMs, tightJitter),
  };
}

/**
 * What is left of each gap from when another contact could have counted: after a
 * moment, and in another slot. Of visits at random it does not depend on what was before.
 * @param timesMs in any order
 * @param slotMs contacts in one slot of so many milliseconds are one
 */
export function contactWaits(timesMs: readonly number[], slotMs: number): number[] {
  const times = together([...timesMs].sort((a, b) => a - b));
  return times.slice(1).map((time, index) => {
    const slotEndMs = (Math.floor(times[index] / slotMs) + 1) * slotMs;
    return time - Math.max(slotEndMs, times[index] + togetherMs);
  });
}

/** Share of the values within a tenth of their median; 0 for none. */
export function sameSizeShare(sizes: readonly number[]): number {
  return shareWithin(sizes, medianOf(sizes), sameSize);
}

function together(times: readonly number[]): number[] {
  const kept: number[] = [];
  for (const time of times)
    if (kept.length === 0 || time - kept[kept.length - 1] >= togetherMs) kept.push(time);
  return kept;
}

function medianOf(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function shareWithin(values: readonly number[], middle: number, deviation: number): number {
  if (values.length === 0) return 0;
  const within = values.filter((value) => Math.abs(value - middle) <= middle * deviation);
  return within.length / values.length;
}
