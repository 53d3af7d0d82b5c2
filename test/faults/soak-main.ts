import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { notBuilt } from "./correlator-process.js";
import { parseFaultPlan } from "./fault-plan.js";
import { runSoak, soakTargets } from "./soak.js";
import type { SoakSettings, SoakTarget } from "./soak.js";
import { soakTable } from "./soak-table.js";

const usage = `npm run soak -- [--minutes 30] [--seed N] [--kill-every 5m] [--sensors 2] [--records 1000]
  [--batch 200] [--correlators 2] [--targets ${soakTargets.join(",")}] [--plan FILE] [--warm-up 5m] [--json FILE] [--short]
`;

/** `--short`: what fits into a minute. */
const short = { minutes: "1", "kill-every": "10s" };

process.exitCode = await main(process.argv.slice(2));

/** Exit code 0 when every record is accounted for, 1 when not, 2 for wrong use. */
async function main(args: readonly string[]): Promise<number> {
  const request = readArguments(args);
  if (typeof request === "string" || notBuilt !== undefined) {
    process.stderr.write(`picket: ${typeof request === "string" ? `${request}\n${usage}` : `${notBuilt}\n`}`);
    return 2;
  }
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => abort.abort());
  const { settings, json, warmUpMs } = request;
  const result = await runSoak(settings, abort.signal, (line) => void process.stdout.write(`${line}\n`));
  process.stdout.write(`\n${soakTable(result, warmUpMs).join("\n")}\n`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ settings, ...result }, undefined, 1)}\n`);
  return result.isExact ? 0 : 1;
}

function readArguments(
  args: readonly string[],
): { settings: SoakSettings; json: string | undefined; warmUpMs: number } | string {
  const text = { type: "string" } as const;
  try {
    const { values: given } = parseArgs({
      args: [...args],
      options: {
        minutes: text,
        seed: text,
        "kill-every": text,
        sensors: text,
        records: text,
        batch: text,
        correlators: text,
        targets: text,
        plan: text,
        "warm-up": text,
        json: text,
        short: { type: "boolean" },
      },
    });
    const values = { ...(given.short === true ? short : {}), ...given };
    const durationMs = numberOf("minutes", values.minutes ?? "30") * 60_000;
    return {
      json: values.json,
      warmUpMs: values["warm-up"] === undefined ? durationMs / 4 : durationOf("warm-up", values["warm-up"]),
      settings: {
        seed: Math.trunc(numberOf("seed", values.seed ?? String(Math.trunc(Math.random() * 1e9)))),
        durationMs,
        faultEveryMs: durationOf("kill-every", values["kill-every"] ?? "5m"),
        targets: targetsOf(values.targets ?? "nats,link,correlator"),
        plan: values.plan === undefined ? undefined : parseFaultPlan(readFileSync(values.plan, "utf8")),
        sampleEveryMs: given.short === true ? 5000 : 60_000,
        sensors: numberOf("sensors", values.sensors ?? "2"),
        correlators: numberOf("correlators", values.correlators ?? "2"),
        recordsPerSecond: numberOf("records", values.records ?? "1000"),
        recordsPerBatch: numberOf("batch", values.batch ?? "200"),
      },
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function numberOf(name: string, value: string): number {
  const number = Number(value);
  if (value === "" || !Number.isFinite(number) || number < 0)
    throw new Error(`--${name} ${value} is not a number`);
  return number;
}

/** "30s", "5m", "1h" or 0, as milliseconds. */
function durationOf(name: string, value: string): number {
  const parts = /^(\d+(?:\.\d+)?)(s|m|h)$|^0$/.exec(value);
  if (parts === null) throw new Error(`--${name} ${value} is not a time: use 30s, 5m, 1h or 0`);
  const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };
  return Number(parts[1] ?? 0) * (units[parts[2] ?? "s"] ?? 0);
}

function targetsOf(value: string): SoakTarget[] {
  return value.split(",").map((name) => {
    const target = soakTargets.find((each) => each === name);
    if (target === undefined) throw new Error(`--targets ${name} is none of ${soakTargets.join(", ")}`);
    return target;
  });
}
