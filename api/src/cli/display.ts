import {
  confirmationToJSON,
  incidentEventTypeToJSON,
  incidentKindToJSON,
  incidentStateToJSON,
  lapseReasonToJSON,
  severityToJSON,
  type Confirmation,
  type IncidentEventType,
  type IncidentKind,
  type IncidentState,
  type LapseReason,
  type Severity,
} from "@picket/proto/generated/picket/v1/incident.js";
import { sensorStateToJSON, type SensorState } from "@picket/proto/generated/picket/v1/sensor.js";
import type { Timestamp } from "@picket/proto/generated/google/protobuf/timestamp.js";

/** Enum values as people read them: lower snake case without the enum's prefix. */
export const nameOf = {
  kind: (value: IncidentKind): string => withoutPrefix("INCIDENT_KIND_", incidentKindToJSON(value)),
  severity: (value: Severity): string => withoutPrefix("SEVERITY_", severityToJSON(value)),
  state: (value: IncidentState): string => withoutPrefix("INCIDENT_STATE_", incidentStateToJSON(value)),
  confirmation: (value: Confirmation): string => withoutPrefix("CONFIRMATION_", confirmationToJSON(value)),
  eventType: (value: IncidentEventType): string =>
    withoutPrefix("INCIDENT_EVENT_TYPE_", incidentEventTypeToJSON(value)),
  lapseReason: (value: LapseReason): string => withoutPrefix("LAPSE_REASON_", lapseReasonToJSON(value)),
  sensorState: (value: SensorState): string => withoutPrefix("SENSOR_STATE_", sensorStateToJSON(value)),
};

function withoutPrefix(prefix: string, name: string): string {
  return (name.startsWith(prefix) ? name.slice(prefix.length) : name).toLowerCase();
}

/** "2025-10-09 08:53:20Z", "-" when absent. */
export function formatTime(timestamp: Timestamp | undefined): string {
  if (timestamp === undefined) return "-";
  const text = new Date(Number(timestamp.seconds) * 1000).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 19)}Z`;
}

/** The first of a list and how many more there are of all, "10.0.0.9 +11". */
export function formatFirst(listed: readonly string[], count: bigint, shownMax = 1): string {
  if (listed.length === 0) return count === 0n ? "-" : String(count);
  const shown = listed.slice(0, shownMax);
  const more = count - BigInt(shown.length);
  return shown.join(" ") + (more > 0n ? ` +${more}` : "");
}

/** A number with at most four significant digits, in exponent form where very small. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(4)));
}

const severityColours: Record<string, string> = {
  critical: "1;97;41",
  high: "1;31",
  medium: "33",
  low: "36",
  info: "2",
};

/** Paints text in the colour of a severity, when colours are wanted. */
export function severityPaint(severity: string, hasColours: boolean): (text: string) => string {
  const colour = severityColours[severity];
  return hasColours && colour !== undefined ? (text) => `\u001b[${colour}m${text}\u001b[0m` : (text) => text;
}

/** Paints text bold, when colours are wanted. */
export function bold(text: string, hasColours: boolean): string {
  return hasColours ? `\u001b[1m${text}\u001b[0m` : text;
}
