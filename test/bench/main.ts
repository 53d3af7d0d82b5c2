import { parseArgs } from "node:util";
import { batchCodec } from "./batch-codec.js";
import type { Benchmark, BenchmarkOptions } from "./benchmark.js";
import { delay } from "./delay.js";
import { drainAttack, drainLab } from "./drain.js";
import { engineMemory } from "./engine-memory.js";
import { fleetCost } from "./fleet-cost.js";
import { meterFlood } from "./meter-flood.js";
import { exportSpool } from "./export-spool.js";
import { meterFile } from "./meter-file.js";
import { meterLive, meterLiveIpv6 } from "./meter-live.js";
import { redisWindows } from "./redis-windows.js";
import { spoofedSources } from "./spoofed-sources.js";
import { printResult } from "./report.js";

/** Every benchmark, in the order of the list. */
const benchmarks: readonly Benchmark[] = [
  batchCodec,
  meterFile,
  meterLive,
  meterLiveIpv6,
  meterFlood,
  engineMemory,
  redisWindows,
  exportSpool,
  drainLab,
  drainAttack,
  delay,
  fleetCost,
  spoofedSources,
];

const commonDefaults: BenchmarkOptions = { runs: 5, packets: 1_000_000, flows: 50_000 };

process.exitCode = await main(process.argv.slice(2));

/** `npm run bench` lists, `npm run bench -- NAME` runs one; exit code 2 for wrong use. */
async function main(args: readonly string[]): Promise<number> {
  const request = readArguments(args);
  if (typeof request === "string") return refuse(request);
  if (request.name === undefined) return list();
  const benchmark = benchmarks.find(({ name }) => name === request.name);
  if (benchmark === undefined)
    return refuse(`there is no benchmark ${request.name}; run it without a name for the list`);
  const options = { ...commonDefaults, ...benchmark.defaults, ...request.given };
  printResult(benchmark, await benchmark.run(options), args);
  return 0;
}

function readArguments(
  args: readonly string[],
): { name?: string; given: Partial<BenchmarkOptions> } | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        runs: { type: "string" },
        packets: { type: "string" },
        flows: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help === true) return { given: {} };
    delete values.help;
    if (positionals.length > 1) return "give one benchmark at a time";
    const given = Object.fromEntries(Object.entries(values).map(([key, text]) => [key, Number(text)]));
    for (const [key, value] of Object.entries(given))
      if (!Number.isSafeInteger(value) || value < 1) return `--${key} takes a whole number from 1`;
    return { name: positionals[0], given };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function list(): number {
  for (const { name, summary } of benchmarks) console.log(`${name.padEnd(17)}${summary}`);
  console.log("\nnpm run bench -- NAME [--runs 5] [--packets 1000000] [--flows 50000 or 1000000]");
  return 0;
}

function refuse(message: string): number {
  console.error(`bench: ${message}`);
  return 2;
}
