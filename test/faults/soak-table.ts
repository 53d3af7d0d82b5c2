import type { SoakResult, SoakSample } from "./soak.js";

/** How one number of the fleet went. */
export interface Trend {
  readonly name: string;
  readonly first: number;
  readonly last: number;
  readonly max: number;
  /** Of the line through all samples after `fromMs` (least squares). */
  readonly slopePerHour: number;
}

const hourMs = 3_600_000;

/** Memory and descriptors of each process and the keys of Redis, of samples after `fromMs`. */
export function trendsOf(samples: readonly SoakSample[], fromMs: number): Trend[] {
  const kept = samples.filter(({ atMs }) => atMs >= fromMs);
  const names = [...new Set(kept.flatMap(({ rssBytes }) => Object.keys(rssBytes)))];
  const trends = names.flatMap((name) => [
    trendOf(`${name} RSS, MiB`, kept, (sample) => (sample.rssBytes[name] ?? Number.NaN) / 2 ** 20),
    trendOf(`${name} descriptors`, kept, (sample) => sample.descriptors[name] ?? Number.NaN),
  ]);
  return [...trends, trendOf("redis keys", kept, ({ redisKeys }) => redisKeys)];
}

function trendOf(
  name: string,
  samples: readonly SoakSample[],
  valueOf: (sample: SoakSample) => number,
): Trend {
  const points = samples.flatMap((sample): [number, number][] => {
    const value = valueOf(sample);
    return Number.isNaN(value) ? [] : [[sample.atMs / hourMs, value]];
  });
  const values = points.map(([, value]) => value);
  return {
    name,
    first: values[0] ?? 0,
    last: values.at(-1) ?? 0,
    max: Math.max(0, ...values),
    slopePerHour: slopeOf(points),
  };
}

/** Least squares; 0 for fewer than two points. */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const meanOf = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const meanX = meanOf(points.map(([x]) => x));
  const meanY = meanOf(points.map(([, y]) => y));
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  if (spread === 0) return 0;
  return points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
}

/** The last words of a soak, as lines. */
export function soakTable({ accounts, faults, samples, isExact }: SoakResult, fromMs: number): string[] {
  const numbers = (values: readonly (string | number)[]): string =>
    values.map((value) => (typeof value === "number" ? value.toFixed(1) : value).padStart(12)).join("");
  return [
    `faults: ${
      Object.entries(faults)
        .map(([kind, count]) => `${kind} ${count}`)
        .join(", ") || "none"
    }`,
    "",
    `${"sensor".padEnd(28)}${numbers(["emitted", "applied", "lost", "difference"])}`,
    ...accounts.map(
      ({ name, emitted, applied, lost }) =>
        name.padEnd(28) + numbers([emitted, applied, lost, emitted - applied - lost].map(String)),
    ),
    "",
    `${"".padEnd(28)}${numbers(["first", "last", "max", "an hour"])}`,
    ...trendsOf(samples, fromMs).map(
      ({ name, first, last, max, slopePerHour }) =>
        name.padEnd(28) + numbers([first, last, max, slopePerHour]),
    ),
    "",
    isExact ? "emitted = applied + lost for every sensor" : "BROKEN: emitted is not applied + lost",
  ];
}
