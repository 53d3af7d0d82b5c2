/** Why a sensor did not see everything, in the order of the wire enum (from 1). */
export const lapseReasons = ["silent", "waiting", "dropping", "lost", "crash"] as const;
export type LapseReason = (typeof lapseReasons)[number];

/** Time in which one sensor did not see everything; milliseconds. */
export interface CoverageLapse {
  readonly sensor: string;
  readonly reason: LapseReason;
  readonly fromMs: number;
  /** Infinity while it goes on. */
  readonly toMs: number;
  /** Packets when dropping, records when lost; 0 when unknown or none. */
  readonly count: number;
}

/** True when a lapse touches a span of event time, both ends included. */
export function touches({ fromMs, toMs }: CoverageLapse, firstMs: number, lastMs: number): boolean {
  return fromMs <= lastMs && toMs >= firstMs;
}

/** One lapse for each sensor and reason, from the first beginning to the last end, in order of both. */
export function joinLapses(lapses: Iterable<CoverageLapse>): CoverageLapse[] {
  const joined = new Map<string, CoverageLapse>();
  for (const lapse of lapses) {
    const key = keyOf(lapse);
    const known = joined.get(key);
    joined.set(key, known === undefined ? lapse : join(known, lapse, known.count + lapse.count));
  }
  return inOrder(joined.values());
}

/**
 * What is known now together with what was said before, perhaps by another
 * process that knew more: the same lapses seen twice, so counts are not added.
 * @param lastMs end of what this is about: a lapse that was going on and is no longer known ended by then or later
 */
export function mergeLapses(
  known: readonly CoverageLapse[],
  fresh: readonly CoverageLapse[],
  lastMs: number,
): CoverageLapse[] {
  const merged = new Map(fresh.map((lapse) => [keyOf(lapse), lapse]));
  for (const lapse of known) {
    const now = merged.get(keyOf(lapse));
    const before = Number.isFinite(lapse.toMs) ? lapse : { ...lapse, toMs: Math.max(lapse.fromMs, lastMs) };
    merged.set(
      keyOf(lapse),
      now === undefined ? before : join(before, now, Math.max(lapse.count, now.count)),
    );
  }
  return inOrder(merged.values());
}

function join(a: CoverageLapse, b: CoverageLapse, count: number): CoverageLapse {
  return { ...a, fromMs: Math.min(a.fromMs, b.fromMs), toMs: Math.max(a.toMs, b.toMs), count };
}

function keyOf({ sensor, reason }: CoverageLapse): string {
  return `${sensor}|${reason}`;
}

function inOrder(lapses: Iterable<CoverageLapse>): CoverageLapse[] {
  return [...lapses].sort((a, b) =>
    a.sensor === b.sensor
      ? lapseReasons.indexOf(a.reason) - lapseReasons.indexOf(b.reason)
      : a.sensor < b.sensor
        ? -1
        : 1,
  );
}
