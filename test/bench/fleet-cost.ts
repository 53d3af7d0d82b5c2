import { costOfSensor } from "../fleet/fleet-report.js";
import { fleetDefaults, runFleet, type FleetResult } from "../fleet/fleet-run.js";
import { median, rounded, type Benchmark, type BenchmarkOptions, type BenchmarkResult } from "./benchmark.js";

const sizes = [100, 1000, 10_000] as const;
/** Its cost is that of processes that wait. */
const hardlyAny = 2;
const quietMs = 10_000;
const measuredMs = 30_000;

/** What one more sensor costs servers, correlator and api, in fleets of three sizes. */
export const fleetCost: Benchmark = {
  name: "fleet-cost",
  summary: "CPU a sensor of servers, correlator and api, 100 to 10,000 ordinary sensors",
  defaults: { runs: 1 },
  run: measureCost,
};

async function measureCost({ runs }: BenchmarkOptions): Promise<BenchmarkResult> {
  const idle: FleetResult[] = [];
  const bySize = sizes.map((): FleetResult[] => []);
  for (let seed = 1; seed <= runs; seed++) {
    idle.push(await measure(hardlyAny, seed));
    for (const [index, size] of sizes.entries()) bySize[index].push(await measure(size, seed));
  }
  const idleMs = median(idle.map((result) => costOfSensor(result) * hardlyAny));
  const costs = bySize.map((results) =>
    results.map((result) => costOfSensor(result) - idleMs / result.sensors),
  );
  const medians = costs.map(median);
  return {
    metric:
      "CPU milliseconds a sensor and second, without the simulator and without what waiting processes use",
    unit: "ms",
    measurements: sizes.map((size, index) => ({ label: `${size} sensors`, values: costs[index] })),
    value: rounded(medians[medians.length - 1]),
    peers: {},
    ratio: Object.fromEntries(
      sizes
        .slice(0, -1)
        .map((size, index) => [`10000 to ${size}`, rounded(medians[medians.length - 1] / medians[index])]),
    ),
    apart: { idleMsPerSecond: rounded(idleMs) },
    runs,
    notes: bySize.flat().map(noteOf),
  };
}

async function measure(sensors: number, seed: number): Promise<FleetResult> {
  return await runFleet({
    ...fleetDefaults,
    sensors,
    seed,
    quietMs,
    runMs: quietMs + measuredMs,
    attacks: [],
  });
}

function noteOf(result: FleetResult): string {
  const used = Object.entries(result.cpuSeconds).map(
    ([name, seconds]) => `${name} ${rounded(seconds / result.seconds)}`,
  );
  const wrong = result.falseIncidents.map(({ kind, severity }) => `, false: ${kind} ${severity}`);
  return (
    `${result.sensors} sensors: ${rounded(result.flowsPerSecond)} flows/s in ${rounded(result.batchesPerSecond)} batches/s, ` +
    `${rounded(result.redisBytes / 1e6)} MB and ${result.redisKeys} keys in Redis, ${result.recordsLost} records lost, ` +
    `${result.falseIncidents.length} false incidents${wrong.join("")}${result.isSettled ? "" : ", NOT SETTLED"}; cores used: ${used.join(", ")}`
  );
}
