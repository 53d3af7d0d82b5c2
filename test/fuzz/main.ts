import { parseArgs } from "node:util";
import { readCorpus } from "./frame-corpus.js";
import { type FuzzReport, fuzzGenerated, fuzzMutated } from "./run-fuzz.js";

const usage = "usage: npm run fuzz -- [--frames N] [--generated N] [--seed N]\n";

process.exitCode = await main();

/** Exit code 0 when every frame was decoded and metered without fault, 1 when one was not, 2 for wrong use. */
async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  const corpus = await readCorpus();
  const { frames, generated, seed } = options;
  process.stdout.write(`seed ${seed}, ${corpus.length} frames to mutate\n`);
  const isGood = timed(`${generated} generated frames`, () => fuzzGenerated(generated, seed));
  return isGood && timed(`${frames} mutated frames`, () => fuzzMutated(corpus, frames, seed, showProgress))
    ? 0
    : 1;
}

function readOptions(): { frames: number; generated: number; seed: number } | undefined {
  try {
    const { values } = parseArgs({
      options: {
        frames: { type: "string", default: "10000000" },
        generated: { type: "string", default: "1000000" },
        seed: { type: "string", default: "1" },
      },
    });
    const options = {
      frames: Number(values.frames),
      generated: Number(values.generated),
      seed: Number(values.seed),
    };
    return Object.values(options).every((value) => Number.isSafeInteger(value) && value >= 0)
      ? options
      : undefined;
  } catch {
    return undefined;
  }
}

/** Runs, prints what came out, and says whether nothing went wrong. */
function timed(name: string, run: () => FuzzReport): boolean {
  const start = performance.now();
  const report = run();
  const seconds = (performance.now() - start) / 1000;
  for (const [counter, count] of [...Object.entries(report.results), ...report.counters]) {
    process.stdout.write(`  ${counter.padEnd(36)}${String(count).padStart(14)}\n`);
  }
  process.stdout.write(`  slowest to decode ${report.slowestUs.toFixed(1)} us: ${report.slowestFrame}\n`);
  process.stdout.write(`  slowest to meter ${report.slowestMeteredUs.toFixed(1)} us a frame of a block\n`);
  process.stdout.write(`${name}, ${report.frames} done in ${seconds.toFixed(1)} s: ${outcomeOf(report)}\n`);
  return report.failure === undefined;
}

function showProgress(frames: number): void {
  process.stderr.write(`${frames} mutated frames\n`);
}

function outcomeOf(report: FuzzReport): string {
  return report.failure ?? "no fault";
}
