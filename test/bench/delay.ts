import { delaySummary } from "../fleet/fleet-report.js";
import { fleetDefaults, runFleet, type FleetResult } from "../fleet/fleet-run.js";
import { median, rounded, type Benchmark, type BenchmarkOptions, type BenchmarkResult } from "./benchmark.js";

const sensors = 20;
const flowsPerSecond = 2000;
/** Hosts without a history must not seem to burst. */
const quietMs = 100_000;
const attacksMs = 80_000;
/** Mostly such that add few sources to a target: fifteen in 90 s would become one incident about it. */
const attacks = [...Array.from({ length: 6 }, () => "vertical-scan"), "horizontal-scan", "port-sweep"];
const repeat = 4;

/** From the packet or expiry that decides to WatchIncidents, over real servers and processes. */
export const delay: Benchmark = {
  name: "delay",
  summary: "delay from the deciding packet to WatchIncidents, 20 sensors and 2,000 flows/s",
  defaults: { runs: 1 },
  run: measureDelay,
};

async function measureDelay({ runs }: BenchmarkOptions): Promise<BenchmarkResult> {
  const results: FleetResult[] = [];
  for (let seed = 1; seed <= runs; seed++)
    results.push(
      await runFleet({
        ...fleetDefaults,
        seed,
        sensors,
        flowsPerSecond,
        quietMs,
        runMs: quietMs + attacksMs,
        attacks,
        repeat,
      }),
    );
  const summaries = results.map(delaySummary);
  const p50 = summaries.map(({ p50Ms }) => p50Ms / 1000);
  const p99 = summaries.map(({ p99Ms }) => p99Ms / 1000);
  return {
    metric: "time from the packet or expiry that decides to the first event of WatchIncidents",
    unit: "s",
    measurements: [
      { label: "p50", values: p50 },
      { label: "p99", values: p99 },
    ],
    value: rounded(median(p50)),
    peers: {},
    ratio: {},
    apart: { p99: rounded(median(p99)) },
    runs,
    notes: results.map(noteOf),
  };
}

function noteOf(result: FleetResult): string {
  const { count } = delaySummary(result);
  const used = Object.entries(result.cpuSeconds).map(
    ([name, seconds]) => `${name} ${rounded(seconds / result.seconds)}`,
  );
  const wrong = result.falseIncidents.map(({ kind, severity }) => `, false: ${kind} ${severity}`);
  return (
    `seed ${result.seed}: ${rounded(result.flowsPerSecond)} flows/s, ${count} attacks told, recall ` +
    `${rounded(result.recall)}${wrong.join("")}; simulator late by ${result.lateMs} ms at most; ` +
    `cores used: ${used.join(", ")}`
  );
}
