import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { defaultPolicyRevision } from "@picket/correlator/policy/policy.js";
import { analyze } from "@picket/deploy/local/analyze.js";
import type { InputFile } from "@picket/deploy/local/flow-input.js";

/** What `picket analyze` says of files with the built-in policy. */
export async function incidentsOfFiles(files: readonly InputFile[]): Promise<readonly Incident[]> {
  return (await analyze(files, defaultPolicyRevision)).incidents;
}

/** Gives `act` a folder of its own, which is gone afterwards. */
export async function withFolder<T>(act: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "picket-scorecard-"));
  try {
    return await act(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Incidents in few words: "2 vertical_scan (low), 1 syn_flood (high)". */
export function incidentsText(
  incidents: readonly { readonly kind: string; readonly severity: string }[],
): string {
  const counts = new Map<string, number>();
  for (const { kind, severity } of incidents) {
    const name = `\`${kind}\` (${severity})`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts.size === 0 ? "nothing" : [...counts].map(([name, count]) => `${count} ${name}`).join(", ");
}
