import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { median, rounded, type Benchmark, type BenchmarkResult } from "./benchmark.js";

/** Prints machine, commit and command, a table, the notes, and one JSON line last. */
export function printResult(benchmark: Benchmark, result: BenchmarkResult, args: readonly string[]): void {
  const [cpu] = cpus();
  console.log(`${cpu?.model.trim()}, ${cpus().length} cores, Node ${process.version}, commit ${commit()}`);
  console.log(`npm run bench -- ${args.join(" ")}`);
  for (const note of result.notes) console.log(note);
  console.log(`\n${result.metric} (${result.unit}), ${result.runs} runs`);
  printRow(["", "median", "min", "max"]);
  for (const { label, values } of result.measurements) {
    const numbers = [median(values), Math.min(...values), Math.max(...values)];
    printRow([label, ...numbers.map((value) => String(rounded(value)))]);
  }
  for (const [label, ratio] of Object.entries(result.ratio)) printRow([label, String(ratio)]);
  const { metric, unit, value, peers, ratio, apart, runs } = result;
  console.log(
    `\n${JSON.stringify({ bench: benchmark.name, metric, unit, value, peers, ratio, apart, runs })}`,
  );
}

function printRow([label, ...cells]: readonly string[]): void {
  console.log(`  ${label.padEnd(22)}${cells.map((cell) => cell.padStart(10)).join("")}`);
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return "unknown";
  }
}
