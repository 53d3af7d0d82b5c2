import { parseArgs } from "node:util";
import { readCorpus } from "./frame-corpus.js";
import { type FuzzReport, runDecodeFuzz } from "./run-decode-fuzz.js";

const usage = "usage: decode-fuzz [--frames N] [--seed N]\n";

process.exitCode = await main();

/** Exit code 0 when every frame was decoded without fault, 1 when one was not, 2 for wrong use. */
async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  const corpus = await readCorpus();
  process.stdout.write(`${options.frames} frames from ${corpus.length}, seed ${options.seed}\n`);
  const start = performance.now();
  const report = runDecodeFuzz(corpus, options.frames, options.seed);
  printReport(report, (performance.now() - start) / 1000);
  return report.failure === undefined ? 0 : 1;
}

function readOptions(): { frames: number; seed: number } | undefined {
  try {
    const { values } = parseArgs({
      options: { frames: { type: "string", default: "10000000" }, seed: { type: "string", default: "1" } },
    });
    const options = { frames: Number(values.frames), seed: Number(values.seed) };
    const isWhole = Number.isSafeInteger(options.frames) && Number.isSafeInteger(options.seed);
    return isWhole && options.frames > 0 ? options : undefined;
  } catch {
    return undefined;
  }
}

function printReport(report: FuzzReport, seconds: number): void {
  for (const [name, count] of Object.entries(report.results)) {
    process.stdout.write(`${name.padEnd(24)}${String(count).padStart(10)}\n`);
  }
  process.stdout.write(`slowest frame ${report.slowestUs.toFixed(1)} us: ${report.slowestFrame}\n`);
  const outcome = report.failure ?? "no fault";
  process.stdout.write(`${report.frames} frames in ${seconds.toFixed(1)} s: ${outcome}\n`);
}
