import type { Incident } from "@picket/correlator/incidents/incident.js";
import { severities } from "@picket/correlator/incidents/incident.js";

import type { Analysis } from "../local/analyze.js";
import { analyze } from "../local/analyze.js";
import type { InputFile } from "../local/flow-input.js";
import { policyFrom } from "../local/policy-file.js";
import { analyzeProgress } from "./analyze-progress.js";
import type { AnalyzeFlags } from "./analyze-command.js";
import { exitCodes } from "./exit-codes.js";
import { incidentBlock } from "./incident-text.js";

/** Analyzes the files and prints the incidents; resolves to the exit code. */
export async function analyzeAndPrint(files: readonly InputFile[], flags: AnalyzeFlags): Promise<number> {
  const policy = await policyFrom(flags.policy, flags.home);
  const progress = analyzeProgress(process.stderr);
  let analysis: Analysis;
  try {
    analysis = await analyze(files, policy, progress.update);
  } finally {
    progress.stop();
  }
  await printIncidents(analysis.incidents, flags.json === true);
  process.stderr.write(summary(analysis));
  return exitCode(analysis, flags.failOn);
}

/** The wire types are loaded only where they are printed. */
async function printIncidents(incidents: readonly Incident[], json: boolean): Promise<void> {
  if (!json) {
    for (const incident of incidents) process.stdout.write(`${incidentBlock(incident)}\n`);
    return;
  }
  const { toIncidentJson } = await import("@picket/api/incidents/incident-mapper.js");
  for (const incident of incidents) process.stdout.write(`${JSON.stringify(toIncidentJson(incident))}\n`);
}

/** One line with the totals, then one for each damaged file. */
function summary(analysis: Analysis): string {
  const total = (name: string): number =>
    analysis.inputs.reduce((sum, input) => sum + (input.counters[name] ?? 0), 0);
  const parts = [
    count(analysis.inputs.length, "file"),
    ...(total("packets_received") > 0 ? [count(total("packets_received"), "packet")] : []),
    count(analysis.flows, "flow record"),
    count(analysis.incidents.length, "incident"),
  ];
  const damaged = analysis.inputs.filter((input) => input.damage !== undefined);
  const lines = damaged.map(
    (input) => `picket: ${input.path}: ${input.damage}; everything before it was read\n`,
  );
  return `${parts.join(", ")}\n${lines.join("")}`;
}

function count(value: number, noun: string): string {
  return `${value.toLocaleString("en")} ${noun}${value === 1 ? "" : "s"}`;
}

function exitCode(analysis: Analysis, failOn: string | undefined): number {
  if (analysis.inputs.some((input) => input.damage !== undefined)) return exitCodes.badInput;
  const least = severities.findIndex((severity) => severity === failOn);
  const isFound = least >= 0 && analysis.incidents.some((each) => severities.indexOf(each.severity) >= least);
  return isFound ? exitCodes.findings : exitCodes.done;
}
