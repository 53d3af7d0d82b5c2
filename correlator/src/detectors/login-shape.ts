import type { LoginConnection } from "./login-attempts.js";

/** Sizes within this factor are alike. */
const likeFactor = 1.25;
/** The commonest sizes that must cover an attack: tries, refusals, and the last ones cut short. */
const sizesMax = 3;
/** Gaps within this share of their mean are a clock's. */
const clockDeviation = 0.15;
const clockGapMinMs = 1000;
const clockShareMin = 0.9;
/** Who tries on is busy nearly all the time; a check rests. */
const busyShareMax = 0.25;

/** Share of the connections whose bytes are within the three commonest sizes, 0 to 1. */
export function alikeShare(connections: readonly LoginConnection[]): number {
  let sizes = connections.map(sizeOf).sort((a, b) => a - b);
  for (let round = 0; round < sizesMax && sizes.length > 0; round++) {
    const { from, to } = densest(sizes);
    sizes = [...sizes.slice(0, from), ...sizes.slice(to)];
  }
  return 1 - sizes.length / Math.max(1, connections.length);
}

/** Logarithm of the bytes, so that like sizes are at most 1 apart. */
function sizeOf({ forwardBytes, reverseBytes }: LoginConnection): number {
  return Math.log(Math.max(1, forwardBytes + reverseBytes)) / Math.log(likeFactor);
}

/** The range of like sizes that holds the most, by index, `to` exclusive. */
function densest(sizes: readonly number[]): { from: number; to: number } {
  let best = { from: 0, to: 0 };
  for (let from = 0, to = 0; from < sizes.length; from++) {
    while (to < sizes.length && sizes[to] - sizes[from] <= 1) to++;
    if (to - from > best.to - best.from) best = { from, to };
  }
  return best;
}

/** Hosts of a source, or of a prefix, that it does not merely check on schedule. */
export function unscheduled(hosts: readonly (readonly LoginConnection[])[]): LoginConnection[][] {
  const isResting = busyShare(hosts.flat()) < busyShareMax;
  return hosts.filter((host) => !isResting || !isRegular(host)).map((host) => [...host]);
}

/** Sum of the connections' times over the time from the first to the last; above 1 when parallel. */
function busyShare(connections: readonly LoginConnection[]): number {
  const times = connections.map(({ fact }) => fact.lastMs);
  const first = times.reduce((least, time) => Math.min(least, time), Infinity);
  const last = times.reduce((most, time) => Math.max(most, time), -Infinity);
  return connections.reduce((sum, { durationMs }) => sum + durationMs, 0) / Math.max(1, last - first);
}

/** A second or more apart, as regular as a clock. */
function isRegular(connections: readonly LoginConnection[]): boolean {
  const times = connections.map(({ fact }) => fact.lastMs).sort((a, b) => a - b);
  const gaps = times.slice(1).map((time, index) => time - times[index]);
  if (gaps.length < 2) return false;
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const regular = gaps.filter((gap) => Math.abs(gap - mean) <= clockDeviation * mean).length;
  return mean >= clockGapMinMs && regular >= gaps.length * clockShareMin;
}

/** One gap in ten may be shorter than the timer's. */
const shortGapShare = 0.1;
/** Timers of hosts are exact to a minute at worst (systemd's accuracy), however long they are. */
const timerDeviationMaxMs = 60_000;

/** True when the gaps between connections are one and the same, or several times that where a beat is missing. */
export function isOnTimer(connections: readonly LoginConnection[]): boolean {
  const times = connections.map(({ fact }) => fact.firstMs).sort((a, b) => a - b);
  const gaps = times.slice(1).map((time, index) => time - times[index]);
  if (gaps.length < 2) return false;
  const beatMs = gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length * shortGapShare)];
  const deviationMs = Math.min(clockDeviation * beatMs, timerDeviationMaxMs);
  const isBeat = (gap: number): boolean => Math.abs(gap - Math.round(gap / beatMs) * beatMs) <= deviationMs;
  return beatMs >= clockGapMinMs && gaps.filter(isBeat).length >= gaps.length * clockShareMin;
}
