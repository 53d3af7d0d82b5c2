import { IncidentOrigin, LapseReason } from "@picket/proto/generated/picket/v1/incident.js";
import type {
  CoverageLapse,
  Incident,
  IncidentEvent,
  ScoreFactor,
} from "@picket/proto/generated/picket/v1/incident.js";
import { bold, formatFirst, formatNumber, formatTime, nameOf, severityPaint } from "./display.js";
import { formatMark, formatNotes } from "./review-text.js";
import { printable } from "./terminal.js";
import { formatTable, type Cell } from "./text-table.js";

/** Incidents as a table, one a line. */
export function formatIncidentTable(incidents: readonly Incident[], hasColours: boolean): string {
  const head = ["ID", "SEVERITY", "KIND", "STATE", "LAST SEEN", "SOURCES", "TARGETS", "PORTS", "SENSORS"];
  const rows = incidents.map((incident): Cell[] => {
    const severity = nameOf.severity(incident.severity);
    return [
      incident.id,
      { text: severity, paint: severityPaint(severity, hasColours) },
      nameOf.kind(incident.kind),
      stateOf(incident),
      formatTime(incident.lastSeenTime),
      formatFirst(incident.sources, incident.sourceCount),
      formatFirst(incident.targets, incident.targetCount),
      formatFirst(incident.ports, incident.portCount),
      String(incident.evidence.length),
    ];
  });
  return formatTable(head, rows);
}

/** A change of an incident on one line. */
export function formatEventLine(event: IncidentEvent, hasColours: boolean): string {
  const { incident } = event;
  if (incident === undefined) return "";
  const severity = nameOf.severity(incident.severity);
  const words = [
    formatTime(incident.updateTime),
    nameOf.eventType(event.type).padEnd(12),
    severityPaint(severity, hasColours)(severity.padEnd(8)),
    nameOf.kind(incident.kind),
    incident.id,
    printable(incident.summary),
  ];
  return `${words.join("  ")}\n`;
}

/** Everything known about one incident, as a page for a person. */
export function formatIncidentPage(incident: Incident, hasColours: boolean): string {
  const severity = nameOf.severity(incident.severity);
  const heading = `${nameOf.kind(incident.kind)} ${severityPaint(severity, hasColours)(severity)}  ${incident.id}`;
  const section = (title: string, body: string): string =>
    body === "" ? "" : `\n${bold(title, hasColours)}\n${indent(body)}`;
  return [
    `${heading}\n${printable(incident.summary)}\n\n`,
    formatFacts(incident),
    section("Notes", formatNotes(incident)),
    section("Why", formatFactors(incident.factors)),
    section("Evidence by sensor", formatEvidence(incident)),
    section("Samples", formatSamples(incident)),
    section("Coverage", formatCoverage(incident)),
  ].join("");
}

const originTexts: Readonly<Record<number, string>> = {
  [IncidentOrigin.INCIDENT_ORIGIN_SEEN_AT_TARGET_ONLY]: "seen at the target only",
  [IncidentOrigin.INCIDENT_ORIGIN_SEEN_AT_ORIGIN_ONLY]: "seen at the source only",
  [IncidentOrigin.INCIDENT_ORIGIN_CONFIRMED_AT_ORIGIN]: "confirmed: seen at the source and at the target",
};

function formatFacts(incident: Incident): string {
  const facts: [string, string][] = [
    ["state", stateOf(incident)],
    ["confidence", formatNumber(incident.confidence)],
    ["technique", incident.technique],
    ["first seen", formatTime(incident.firstSeenTime)],
    ["last seen", formatTime(incident.lastSeenTime)],
    ["sources", formatList(incident.sources, incident.sourceCount)],
    ["verified", incident.sourceVerified ? "yes, a two-way exchange with a source was seen" : "no"],
    ["origin", originTexts[incident.origin] ?? ""],
    ["targets", formatList(incident.targets, incident.targetCount)],
    ["ports", formatList(incident.ports, incident.portCount)],
    ["contacts", String(incident.contactCount)],
    ["policy", `revision ${incident.policyRevision}`],
    ["merged into", incident.mergedInto],
    ["retracted", incident.retractReason],
    ["ack", formatMark(incident.review?.acknowledgement)],
    ["closed", formatMark(incident.review?.closing)],
    ["drill", incident.drill ? "a synthetic scan of picket doctor" : ""],
  ];
  return facts
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name.padEnd(12)}${printable(value)}\n`)
    .join("");
}

function formatFactors(factors: readonly ScoreFactor[]): string {
  if (factors.length === 0) return "";
  const rows = factors.map((factor) => [
    factor.name,
    formatNumber(factor.value),
    formatNumber(factor.threshold),
    formatMargin(factor),
    `+${formatNumber(factor.weight)}`,
  ]);
  return formatTable(["FACTOR", "VALUE", "THRESHOLD", "MARGIN", "WEIGHT"], rows);
}

/** How far the value is from the threshold, as a multiple of it where that can be said. */
function formatMargin({ value, threshold }: ScoreFactor): string {
  if (threshold > 0 && value > 0) return `${formatNumber(value / threshold)}x`;
  return formatNumber(value - threshold);
}

function formatEvidence(incident: Incident): string {
  if (incident.evidence.length === 0) return "";
  const rows = incident.evidence.map((evidence) => [
    evidence.sensor,
    String(evidence.contactCount),
    formatTime(evidence.firstSeenTime),
    formatTime(evidence.lastSeenTime),
  ]);
  return formatTable(["SENSOR", "CONTACTS", "FIRST SEEN", "LAST SEEN"], rows);
}

function formatSamples(incident: Incident): string {
  if (incident.samples.length === 0) return "";
  const rows = incident.samples.map((sample) => [
    formatTime(sample.time),
    sample.source,
    sample.destination,
    sample.port,
    sample.outcome,
    sample.sensors.join(" "),
  ]);
  return formatTable(["TIME", "SOURCE", "DESTINATION", "PORT", "OUTCOME", "SENSORS"], rows);
}

function formatCoverage({ coverage }: Incident): string {
  const lines: string[] = [];
  if (coverage?.silentSensors.length) lines.push(`silent: ${coverage.silentSensors.join(" ")}`);
  if (coverage?.waitingSensors.length) lines.push(`waiting: ${coverage.waitingSensors.join(" ")}`);
  if (coverage?.droppingSensors.length) lines.push(`dropping: ${coverage.droppingSensors.join(" ")}`);
  if (coverage?.refusedMembers) lines.push(`refused by a window's limit: ${coverage.refusedMembers}`);
  if (coverage?.lostRecords) lines.push(`flow records lost: ${coverage.lostRecords}`);
  if (lines.length === 0) return "complete: no sensor was silent, waiting or dropping\n";
  return lines.map((line) => `${printable(line)}\n`).join("") + formatLapses(coverage?.lapses ?? []);
}

function formatLapses(lapses: readonly CoverageLapse[]): string {
  if (lapses.length === 0) return "";
  const rows = lapses.map(({ sensor, reason, fromTime, toTime, count }) => [
    sensor,
    nameOf.lapseReason(reason),
    formatTime(fromTime),
    toTime === undefined ? "goes on" : formatTime(toTime),
    count === 0n ? "-" : `${count} ${reason === LapseReason.LAPSE_REASON_DROPPING ? "packets" : "records"}`,
  ]);
  return formatTable(["SENSOR", "REASON", "FROM", "TO", "MISSED"], rows);
}

function formatList(listed: readonly string[], count: bigint): string {
  const more = count - BigInt(listed.length);
  return listed.join(" ") + (more > 0n ? ` and ${more} more` : "");
}

function stateOf(incident: Incident): string {
  const remarks = [
    nameOf.confirmation(incident.confirmation) === "provisional" ? "provisional" : "",
    incident.review?.acknowledgement === undefined ? "" : "acknowledged",
  ].filter((remark) => remark !== "");
  const state = nameOf.state(incident.state);
  return remarks.length === 0 ? state : `${state} (${remarks.join(", ")})`;
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}
