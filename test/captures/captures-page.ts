import type { Incident, IncidentKind } from "@picket/correlator/incidents/incident.js";
import { severities } from "@picket/correlator/incidents/incident.js";
import type { JudgedRun } from "./analyze-run.js";

const head = `# Captures

Written by \`npm run docs\` where the captures are at hand; do not edit.

What \`picket analyze\` says of public captures that nobody here made, with the built-in policy, beside what their
index expects. The files of one row are analyzed together, each as one sensor. A test keeps every row, the
misses too: a row that begins to agree fails it until its reason is struck out.
`;

/** The text of docs/captures.md. */
export function capturesPage(judged: readonly JudgedRun[]): string {
  const missed = judged.filter(({ run }) => run.miss !== undefined).length;
  const sum = `${judged.length - missed} of ${judged.length} rows agree.\n`;
  const rows = judged.map(({ run, incidents }) => [
    run.files.map((file) => `\`${file}\``).join(", "),
    run.says,
    incidentsText(incidents),
    run.miss === undefined ? "agrees" : `misses: ${run.miss.why}`,
  ]);
  return [head, sum, table(["file", "the index expects", "Picket says", "verdict"], rows)].join("\n");
}

function incidentsText(incidents: readonly Incident[]): string {
  if (incidents.length === 0) return "nothing";
  if (incidents.length <= 3) return incidents.map(incidentText).join("; ");
  const kinds = [...new Set(incidents.map(({ kind }) => kind))].sort();
  return kinds.map((kind) => kindText(kind, incidents)).join("; ");
}

function incidentText({ kind, severity, sources, targets, ports, ...counts }: Incident): string {
  const parts = [
    partyText(sources, counts.sourceCount, "sources"),
    "to",
    partyText(targets, counts.targetCount, "targets"),
    `on ${partyText(ports, counts.portCount, "ports")}`,
  ];
  return `${kind}, ${severity}: ${parts.join(" ")}`;
}

function partyText(names: readonly string[], count: number, many: string): string {
  return count === 1 ? names[0] : `${count} ${many}`;
}

function kindText(kind: IncidentKind, incidents: readonly Incident[]): string {
  const ofKind = incidents.filter((incident) => incident.kind === kind);
  const bySeverity = severities
    .map((severity) => ({ severity, count: ofKind.filter((one) => one.severity === severity).length }))
    .filter(({ count }) => count > 0);
  return `${ofKind.length} × ${kind} (${bySeverity.map(({ severity, count }) => `${count} ${severity}`).join(", ")})`;
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  return [titles, titles.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}
