import type { Incident } from "@picket/correlator/incidents/incident.js";

/** One line for a log: time, what changed, and the incident in short. */
export function incidentLine(change: string, incident: Incident): string {
  if (change === "merged") return `merged ${incident.id} into ${incident.mergedInto}`;
  return `${change} ${incident.kind} ${incident.severity} ${incident.id}: ${incident.summary}`;
}

/** A few lines for a person: what, who, where, when, seen by whom. */
export function incidentBlock(incident: Incident): string {
  const seconds = ((incident.lastSeenMs - incident.firstSeenMs) / 1000).toFixed(1);
  const rows: [string, string][] = [
    ["sources", listed(incident.sources, incident.sourceCount)],
    ["targets", listed(incident.targets, incident.targetCount)],
    ["ports", listed(incident.ports, incident.portCount)],
    [
      "seen",
      `${new Date(incident.firstSeenMs).toISOString()}, for ${seconds} s, ${incident.contactCount} failed contacts`,
    ],
    ["sensors", incident.evidence.map((each) => `${each.sensor} (${each.contactCount})`).join(", ")],
  ];
  const head = `${incident.id}  ${incident.kind}  ${incident.severity}  ${incident.confidence.toFixed(2)}`;
  const body = rows.map(([name, value]) => `    ${name.padEnd(8)} ${value}`).join("\n");
  return `${head}\n    ${incident.summary}\n${body}\n`;
}

/** The first few, and how many more there are. */
function listed(values: readonly string[], count: number): string {
  const shown = values.slice(0, 10);
  const more = Math.max(count, values.length) - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}
