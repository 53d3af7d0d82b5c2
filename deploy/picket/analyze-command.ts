import { PicketError } from "@picket/proto/picket-error.js";
import type { Command } from "commander";
import { Option } from "commander";

import type { InputFile } from "../local/flow-input.js";
import type { MeteredFile } from "../local/meter-files.js";
import { inputFiles } from "../local/sensor-names.js";
import { exitCodes } from "./exit-codes.js";

const severityNames = ["info", "low", "medium", "high", "critical"];

/** What says nothing where no incidents are made. */
const incidentFlags = ["policy", "failOn"];

/** Flags of `picket analyze` as commander parses them. */
export interface AnalyzeFlags {
  readonly json?: boolean;
  readonly policy?: string;
  readonly home: readonly string[];
  readonly sensor: readonly string[];
  readonly meterOnly?: boolean;
  readonly flows?: boolean;
  readonly failOn?: string;
}

/** `picket analyze`; each mode loads only what it needs. */
export function registerAnalyze(program: Command): void {
  program
    .command("analyze")
    .description("Finds incidents in capture files and flow logs; each file is one sensor.")
    .argument(
      "[files...]",
      "pcap, pcapng (either may be gzipped) or Zeek conn.log; - reads the standard input",
    )
    .option("--json", "one object a line: picket.v1.Incident as proto3 JSON")
    .option("--policy <file>", "YAML or JSON file with the policy to use instead of the defaults")
    .option(
      "--home <cidr>",
      "network that is inside, may be repeated (default private addresses)",
      collect,
      [],
    )
    .option("--sensor <name=file>", "a file and the sensor it stands for, may be repeated", collect, [])
    .addOption(
      new Option("--meter-only", "stop after metering and print the counters").conflicts(
        incidentFlags.concat("flows"),
      ),
    )
    .addOption(new Option("--flows", "print the flow records instead of incidents").conflicts(incidentFlags))
    .addOption(new Option("--fail-on <severity>", "exit 1 at an incident this severe").choices(severityNames))
    .addHelpText(
      "after",
      "\nExample:\n  picket analyze --sensor web=web.pcap --sensor db=db.pcap.gz --json\n",
    )
    .action(async (files: string[], flags: AnalyzeFlags) => {
      process.exitCode = await analyzeCommand(inputFiles(flags.sensor, files), flags);
    });
}

function collect(value: string, values: readonly string[]): string[] {
  return [...values, value];
}

async function analyzeCommand(files: readonly InputFile[], flags: AnalyzeFlags): Promise<number> {
  if (files.length === 0)
    throw new PicketError("INVALID_ARGUMENT", "analyze: give at least one capture file");
  if (files.filter((file) => file.path === "-").length > 1) {
    throw new PicketError("INVALID_ARGUMENT", "analyze: the standard input can be read only once");
  }
  if (flags.meterOnly === true) return meterOnly(files, flags.json === true);
  if (flags.flows === true) return flows(files, flags.json === true);
  const { analyzeAndPrint } = await import("./analyze-output.js");
  return analyzeAndPrint(files, flags);
}

async function meterOnly(files: readonly InputFile[], json: boolean): Promise<number> {
  const { meterFiles } = await import("../local/meter-files.js");
  const metered = await meterFiles(files);
  for (const file of metered) {
    if (json) process.stdout.write(`${JSON.stringify(file)}\n`);
    else process.stdout.write(countersText(file.path, file.counters));
  }
  return tellDamage(metered);
}

/** A line for each damaged file; exit code 2 when there is one. */
function tellDamage(metered: readonly MeteredFile[]): number {
  const damaged = metered.filter((file) => file.damage !== undefined);
  for (const { path, damage } of damaged) {
    process.stderr.write(`picket: ${path}: ${damage}; everything before it was read\n`);
  }
  return damaged.length > 0 ? exitCodes.badInput : exitCodes.done;
}

/** Every counter that is not zero, one a line. */
function countersText(title: string, counters: Readonly<Record<string, number>>): string {
  const counted = Object.entries(counters).filter(([, value]) => value > 0);
  const lines = counted.map(([name, value]) => `  ${name.padEnd(32)} ${String(value).padStart(14)}`);
  return `${title}\n${lines.join("\n")}${lines.length > 0 ? "\n" : ""}`;
}

async function flows(files: readonly InputFile[], json: boolean): Promise<number> {
  const { meterFiles } = await import("../local/meter-files.js");
  const { flowHeading, flowRow, flowObject } = await import("./flow-output.js");
  let heading = json ? "" : flowHeading();
  const metered = await meterFiles(files, (input, columns) => {
    let text = heading;
    heading = "";
    for (let row = 0; row < columns.length; row++) {
      text += json
        ? `${JSON.stringify(flowObject(input.sensor, columns, row))}\n`
        : flowRow(input.sensor, columns, row);
    }
    process.stdout.write(text);
  });
  return tellDamage(metered);
}
