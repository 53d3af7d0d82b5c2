import { join } from "node:path";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { defaultPolicyRevision } from "@picket/correlator/policy/policy.js";
import { analyze } from "@picket/deploy/local/analyze.js";
import { inputFiles } from "@picket/deploy/local/sensor-names.js";
import { capturesFolder, filesBelow } from "./captures-folder.js";
import type { ExpectedRun } from "./expected-run.js";
import { type Difference, differenceOf } from "./verdict.js";

/** An expected run with what Picket says of it. */
export interface JudgedRun extends Difference {
  readonly run: ExpectedRun;
  readonly incidents: readonly Incident[];
}

/** Analyzes the files of a run with the built-in policy, each file as one sensor. */
export async function judgeRun(run: ExpectedRun): Promise<JudgedRun> {
  const paths = pathsOf(run).map((path) => join(capturesFolder, path));
  const { incidents } = await analyze(inputFiles([], paths), defaultPolicyRevision);
  return { run, incidents, ...differenceOf(incidents, run) };
}

/** The files of a run, relative to the captures folder. */
export function pathsOf({ files }: ExpectedRun): string[] {
  return files.flatMap((file) => (file.endsWith("*") ? filesThatBegin(file.slice(0, -1)) : [file]));
}

function filesThatBegin(beginning: string): string[] {
  return filesBelow(capturesFolder).filter((path) => path.startsWith(beginning));
}
