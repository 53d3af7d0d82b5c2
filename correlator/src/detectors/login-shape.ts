import type { LoginConnection } from "./login-attempts.js";

/** Sizes within this factor are alike. */
const likeFactor = 1.15;
/** The commonest sizes that must cover an attack: tries, refusals, and the last ones cut short. */
const sizesMax = 3;
/** Gaps that vary less than this share of their mean are a clock's. */
const clockDeviation = 0.2;
const clockGapMinMs = 1000;

/** Share of the connections whose bytes are within the three commonest sizes, 0 to 1. */
export function alikeShare(connections: readonly LoginConnection[]): number {
  const sizes = connections
    .map(
      ({ bytes, isLate }) =>
        Math.floor(Math.log(Math.max(1, bytes)) / Math.log(likeFactor)) * 2 + (isLate ? 1 : 0),
    )
    .sort((a, b) => a - b);
  const counts = new Map<number, number>();
  for (const size of sizes) counts.set(size, (counts.get(size) ?? 0) + 1);
  const most = [...counts.values()].sort((a, b) => b - a).slice(0, sizesMax);
  return most.reduce((sum, count) => sum + count, 0) / Math.max(1, sizes.length);
}

/** A check on schedule: one connection at a time, a second or more apart, as regular as a clock. */
export function isScheduled(connections: readonly LoginConnection[]): boolean {
  const times = connections.map(({ fact }) => fact.firstMs).sort((a, b) => a - b);
  const gaps = times.slice(1).map((time, index) => time - times[index]);
  if (gaps.length < 2) return false;
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  if (mean < clockGapMinMs) return false;
  const off = gaps.filter((gap) => Math.abs(gap - mean) > clockDeviation * mean).length;
  return off <= gaps.length * 0.1;
}
