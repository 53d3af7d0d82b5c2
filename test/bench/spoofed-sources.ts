import { loadavg } from "node:os";
import { runSpoofed, type SpoofedRunResult } from "../faults/spoofed-run.js";
import { median, rounded, type Benchmark, type BenchmarkOptions, type BenchmarkResult } from "./benchmark.js";

const mebibyte = 1 << 20;
const seconds = 60;
const scannedPorts = 30;
/** Over many hosts, then all at one. */
const targets = [16, 1];

/** Memory and the delay of a real scan while spoofed sources come by the hundred thousand. */
export const spoofedSources: Benchmark = {
  name: "spoofed-sources",
  summary: "memory under a million spoofed sources in 60 s, and a scan found in the middle of them",
  defaults: { runs: 1, flows: 1_000_000 },
  run: measureSpoofed,
};

async function measureSpoofed({ runs, flows }: BenchmarkOptions): Promise<BenchmarkResult> {
  const results: { targets: number; result: SpoofedRunResult }[] = [];
  for (let seed = 1; seed <= runs; seed++)
    for (const hosts of targets)
      results.push({
        targets: hosts,
        result: await runSpoofed({
          seed,
          targets: hosts,
          sources: flows,
          sourcesPerSecond: flows / seconds,
          scannedPorts,
        }),
      });
  const each = (value: (result: SpoofedRunResult) => number): number[] =>
    results.map(({ result }) => rounded(value(result)));
  const redis = each(({ redisPeakBytes }) => redisPeakBytes / mebibyte);
  const correlator = each(({ correlatorPeakBytes }) => correlatorPeakBytes / mebibyte);
  const found = each(({ foundAfterMs }) => foundAfterMs / 1000);
  return {
    metric: "most memory of Redis, of the correlator, and delay of the scan's incident",
    unit: "MiB, MiB, s",
    measurements: [
      { label: "redis MiB", values: redis },
      { label: "correlator MiB", values: correlator },
      { label: "found after s", values: found },
    ],
    value: median(redis),
    peers: {},
    ratio: {},
    apart: { correlator: median(correlator), found: median(found) },
    runs,
    notes: results.map(({ targets: hosts, result }) => noteOf(hosts, flows, result)),
  };
}

function noteOf(hosts: number, flows: number, result: SpoofedRunResult): string {
  const told = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ") || "none";
  return (
    `${flows} sources in ${seconds} s over ${hosts} targets: drained ${rounded(result.drainedAfterMs / 1000)} s ` +
    `after the last batch; ${result.redisKeys} keys, ${result.windowKeysWithoutTtl.length} of windows without a ` +
    `time to live; refused: ${told(result.refused)}; incidents: ${told(result.incidents)}; ` +
    `load of the machine ${rounded(loadavg()[0])}`
  );
}
