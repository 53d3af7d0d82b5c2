import type { Incident } from "@picket/proto/generated/picket/v1/incident.js";
import { IncidentKind, Severity } from "@picket/proto/generated/picket/v1/incident.js";
import type { Lab } from "./lab.js";

/** Sensors that contributed to an incident, each once. */
export function evidenceSensors({ evidence }: Incident): string[] {
  return [...new Set(evidence.map(({ sensor }) => sensor))];
}

/** When the last probe of these sources was sent as the sensors saw it, milliseconds since the Unix epoch. */
export function lastProbeMs(lab: Lab, addresses: readonly string[]): number {
  return Math.max(
    ...addresses.flatMap((address) => lab.recorder.flowsOf(address).map(({ startMs }) => startMs)),
  );
}

/** When the first probe of this source was sent as the sensors saw it, milliseconds since the Unix epoch. */
export function firstProbeMs(lab: Lab, address: string): number {
  return Math.min(...lab.recorder.flowsOf(address).map(({ startMs }) => startMs));
}

/** How long after the last probe an incident was whole; the parties may be known before it. */
export function delayText(delayMs: number): string {
  if (delayMs < 0) return `${Math.round(-delayMs)} ms before the last probe`;
  return Number.isFinite(delayMs) ? `${Math.round(delayMs)} ms after the last probe` : "never";
}

/** "1 active: distributed_scan low, 10 sources, …" */
export function describeIncidents(incidents: readonly Incident[]): string {
  return [`${incidents.length} active`, ...incidents.slice(0, 5).map(describe)].join("; ");
}

function describe(incident: Incident): string {
  const kind = IncidentKind[incident.kind].replace("INCIDENT_KIND_", "").toLowerCase();
  const severity = Severity[incident.severity].replace("SEVERITY_", "").toLowerCase();
  return (
    `${kind} ${severity}, ${incident.sourceCount} sources, ${incident.targetCount} targets, ` +
    `${incident.portCount} ports, ${incident.contactCount} contacts, ${evidenceSensors(incident).length} sensors`
  );
}
