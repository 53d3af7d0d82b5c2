import type { CoverageLapse } from "../sensors/coverage-lapse.js";
import type { AddressKey } from "../windows/address-key.js";
import type { CrowdKind } from "../windows/window-store.js";

/** Closed list of incident kinds, in the order of the wire enum (from 1). */
export const incidentKinds = [
  "vertical_scan",
  "horizontal_scan",
  "block_scan",
  "distributed_scan",
  "campaign",
  "host_sweep",
  "arp_scan",
  "arp_spoof",
  "syn_flood",
  "udp_flood",
  "amplification",
  "host_burst",
  "cross_host_burst",
  "brute_force",
  "mining",
  "beacon",
  "suspicious_port",
  "fan_out",
  "service_outage",
  "background_scanning",
  "new_service",
] as const;
export type IncidentKind = (typeof incidentKinds)[number];

/** In the order of the wire enum (from 1). */
export const severities = ["info", "low", "medium", "high", "critical"] as const;
export type Severity = (typeof severities)[number];

/** In the order of the wire enum (from 1). */
export const incidentStates = [
  "open",
  "growing",
  "quiet",
  "closed",
  "reopened",
  "merged",
  "retracted",
] as const;
export type IncidentState = (typeof incidentStates)[number];

/** In the order of the wire enum (from 1). */
export const incidentEventTypes = [
  "opened",
  "updated",
  "confirmed",
  "retracted",
  "merged",
  "closed",
  "acknowledged",
  "annotated",
  "reopened",
] as const;
export type IncidentEventType = (typeof incidentEventTypes)[number];

/** Which ends of an incident's failed contacts were seen; in the order of the wire enum (from 1), strongest last. */
export const incidentOrigins = ["seen_at_target_only", "seen_at_origin_only", "confirmed_at_origin"] as const;
/** `unknown`: at neither end, or not told by failed contacts. */
export type IncidentOrigin = "unknown" | (typeof incidentOrigins)[number];

/** The one of two that says more. */
export function strongerOrigin(a: IncidentOrigin, b: IncidentOrigin): IncidentOrigin {
  return rankOf(a) >= rankOf(b) ? a : b;
}

function rankOf(origin: IncidentOrigin): number {
  return origin === "unknown" ? -1 : incidentOrigins.indexOf(origin);
}

export interface ScoreFactor {
  readonly name: string;
  readonly value: number;
  readonly threshold: number;
  /** What this factor adds to the confidence. */
  readonly weight: number;
}

export interface SensorEvidence {
  readonly sensor: string;
  readonly contactCount: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

export interface ContactSample {
  readonly timeMs: number;
  readonly source: string;
  readonly destination: string;
  /** "tcp/22" and alike. */
  readonly port: string;
  readonly outcome: string;
  readonly sensors: readonly string[];
}

/** What the fleet could not see in the incident's time; lists are in order of name. */
export interface Coverage {
  readonly silentSensors: readonly string[];
  readonly droppingSensors: readonly string[];
  readonly waitingSensors: readonly string[];
  readonly refusedMembers: number;
  readonly lostRecords: number;
  /** One for each sensor and reason, in this order; at most 100. */
  readonly lapses: readonly CoverageLapse[];
}

/** Who did something with an incident, and when. */
export interface ReviewMark {
  readonly author: string;
  readonly timeMs: number;
}

/** A closing, with the incident's last seen time then: what is seen later reopens it. */
export interface ReviewClosing extends ReviewMark {
  readonly lastSeenMs: number;
}

export interface IncidentNote extends ReviewMark {
  readonly text: string;
}

/** What people said of an incident. */
export interface IncidentReview {
  /** Counts the changes of the review; part of the incident's revision. */
  readonly revision: number;
  readonly acknowledgement?: ReviewMark;
  readonly closing?: ReviewClosing;
  /** Oldest first. */
  readonly notes: readonly IncidentNote[];
  /** Ids of the latest requests, of which each changes the incident once. */
  readonly requestIds: readonly string[];
}

/** The review of an incident of which nobody said anything. */
export const emptyReview: IncidentReview = { revision: 0, notes: [], requestIds: [] };

/** An incident as stores keep it and the API maps it. Addresses and ports are text, times milliseconds. */
export interface Incident {
  readonly id: string;
  readonly revision: number;
  readonly kind: IncidentKind;
  readonly severity: Severity;
  readonly confidence: number;
  readonly state: IncidentState;
  readonly confirmation: "provisional" | "confirmed";
  readonly summary: string;
  readonly technique: string;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly updateMs: number;
  readonly sources: readonly string[];
  readonly targets: readonly string[];
  readonly ports: readonly string[];
  readonly sourceCount: number;
  readonly targetCount: number;
  readonly portCount: number;
  readonly contactCount: number;
  readonly factors: readonly ScoreFactor[];
  readonly evidence: readonly SensorEvidence[];
  readonly samples: readonly ContactSample[];
  readonly coverage: Coverage;
  readonly mergedInto: string;
  readonly retractReason: string;
  readonly policyRevision: number;
  readonly sourceVerified: boolean;
  readonly origin: IncidentOrigin;
  readonly review: IncidentReview;
}

/** One change, with the incident as it stands after it. */
export interface IncidentEvent {
  readonly type: IncidentEventType;
  readonly incident: Incident;
  readonly notify: boolean;
}

/** A source group's or source's contact within a finding. */
export interface FindingContact {
  readonly source: AddressKey;
  readonly destination: AddressKey;
  readonly protocol: number;
  readonly port: number;
  readonly firstMs: number;
  readonly outcome: number;
  readonly sensors: readonly number[];
}

/** Which window a finding read: contacts of findings of one view with different keys do not overlap. */
export type FindingView = "source" | CrowdKind | "starts" | "facts";

/** One detector's threshold crossed for one window in one slice. */
export interface Finding {
  readonly kind: IncidentKind;
  readonly view: FindingView;
  /** The window's own key as text: primary key of the incident it may open. */
  readonly primaryKey: string;
  readonly partition: number;
  /** Start and end of the slice, milliseconds of event time. */
  readonly sliceStartMs: number;
  readonly sliceEndMs: number;
  readonly confirmed: boolean;
  readonly severity: Severity;
  readonly confidence: number;
  readonly factors: readonly ScoreFactor[];
  readonly sources: readonly string[];
  readonly targets: readonly string[];
  readonly ports: readonly string[];
  readonly sourceCount: number;
  readonly targetCount: number;
  readonly portCount: number;
  readonly contactCount: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** By sensor hash. */
  readonly evidence: readonly {
    readonly sensor: number;
    readonly contactCount: number;
    readonly firstSeenMs: number;
    readonly lastSeenMs: number;
  }[];
  readonly samples: readonly FindingContact[];
  readonly refusedMembers: number;
  readonly sourceVerified: boolean;
  /** Absent: unknown. */
  readonly origin?: IncidentOrigin;
  readonly policyRevision: number;
}

/** What the grouping has folded so far; stored beside the incidents. */
export interface GroupingCheckpoint {
  /** Confirmed findings of slices that end at or before this are folded. */
  readonly foldedUntilMs: number;
}
