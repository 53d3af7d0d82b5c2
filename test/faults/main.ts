import { parseArgs } from "node:util";
import { runAccounting } from "./accounting-run.js";
import { notBuilt } from "./correlator-process.js";
import { goesLiveFirst, runOutage } from "./outage-run.js";

const mebibyte = 1 << 20;

/** One long run with its bar; the figures are printed whether it holds or not. */
interface FaultRunner {
  readonly name: string;
  readonly about: string;
  run(seed: number, scale: number): Promise<{ figures: object; broken: string[] }>;
}

const runners: readonly FaultRunner[] = [
  {
    name: "accounting",
    about: "2 sensors at 1,000 records/s, 120 s, 10 kills -9 of NATS: emitted = applied + lost",
    run: async (seed, scale) => {
      const figures = await runAccounting({
        seed,
        durationMs: 120_000 * scale,
        kills: Math.max(1, Math.round(10 * scale)),
        recordsPerBatch: 50,
      });
      const isExact = figures.emitted === figures.applied + figures.lost;
      return { figures, broken: isExact ? [] : ["emitted is not applied + lost"] };
    },
  },
  {
    name: "outage",
    about: "NATS away 10 min, spool of 16 MiB, 2,000 records/s: disk, memory, gaps and live lag",
    run: async (seed, scale) => {
      const spoolBytesMax = 16 * mebibyte;
      const figures = await runOutage({
        seed,
        spoolBytesMax,
        outageMs: 600_000 * scale,
        warmUpMs: 20_000,
        recoveryMs: 60_000,
        recordsPerSecond: 2000,
        recordsPerBatch: 200,
      });
      const bars: [boolean, string][] = [
        [figures.diskBytesMax <= spoolBytesMax + 4 * mebibyte, "the disk holds more than the cap + 4 MiB"],
        [figures.rssGrowthBytes <= 32 * mebibyte, "memory grew by more than 32 MiB"],
        [figures.emitted === figures.stored + figures.lost, "the gaps do not say exactly what is lost"],
        [figures.lateLiveLagMsMax <= 5000, "live batches are later than 5 s, 30 s after the recovery"],
        [goesLiveFirst(figures), "the backlog went before what is live"],
      ];
      return { figures, broken: bars.flatMap(([holds, broken]) => (holds ? [] : [broken])) };
    },
  },
];

process.exitCode = await main(process.argv.slice(2));

/** `npm run faults` lists, `npm run faults -- NAME [--seed N] [--scale 0.1]` runs one; exit code 1 for a broken bar. */
async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { seed: { type: "string" }, scale: { type: "string" } },
  });
  const runner = runners.find(({ name }) => name === positionals[0]);
  if (notBuilt !== undefined || runner === undefined) {
    const list = runners.map(({ name, about }) => `${name.padEnd(12)} ${about}\n`).join("");
    process.stderr.write(notBuilt === undefined ? list : `picket: ${notBuilt}\n`);
    return positionals.length === 0 ? 0 : 2;
  }
  const seed = Number(values.seed ?? Math.trunc(Math.random() * 1e9));
  process.stdout.write(`${runner.name}: seed ${seed}\n`);
  const { figures, broken } = await runner.run(seed, Number(values.scale ?? 1));
  process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
  for (const line of broken) process.stdout.write(`BROKEN: ${line}\n`);
  return broken.length === 0 ? 0 : 1;
}
