import type { ReviewChange } from "../../incidents/incident-review.js";
import {
  emptyReview,
  type Incident,
  type IncidentEvent,
  type IncidentEventType,
  type IncidentReview,
} from "../../incidents/incident.js";

/** An incident for the specs of stores and the api; every field but the review has a value that is not its default. */
export function buildIncident(fields: Partial<Incident> = {}): Incident {
  return {
    id: "00000000000000aa",
    revision: 1,
    kind: "horizontal_scan",
    severity: "medium",
    confidence: 0.93,
    state: "open",
    confirmation: "confirmed",
    summary: "10.0.0.9 probed tcp/22 on 2 hosts",
    technique: "T1046",
    firstSeenMs: 1_760_000_000_000,
    lastSeenMs: 1_760_000_060_500,
    updateMs: 1_760_000_061_000,
    sources: ["10.0.0.9"],
    targets: ["10.0.1.1", "10.0.1.2"],
    ports: ["tcp/22"],
    sourceCount: 1,
    targetCount: 2,
    portCount: 1,
    contactCount: 4,
    factors: [{ name: "failed_first_contacts", value: 4, threshold: 3, weight: 0.5 }],
    evidence: [
      { sensor: "lab-01", contactCount: 2, firstSeenMs: 1_760_000_000_000, lastSeenMs: 1_760_000_030_000 },
      { sensor: "lab-02", contactCount: 2, firstSeenMs: 1_760_000_030_000, lastSeenMs: 1_760_000_060_500 },
    ],
    samples: [
      {
        timeMs: 1_760_000_000_000,
        source: "10.0.0.9",
        destination: "10.0.1.1",
        port: "tcp/22",
        outcome: "refused",
        sensors: ["lab-01"],
      },
    ],
    coverage: {
      silentSensors: ["lab-07"],
      droppingSensors: ["lab-08"],
      waitingSensors: ["lab-09"],
      refusedMembers: 1,
      lostRecords: 2,
      lapses: [
        { sensor: "lab-07", reason: "silent", fromMs: 1_760_000_000_000, toMs: Infinity, count: 0 },
        {
          sensor: "lab-08",
          reason: "dropping",
          fromMs: 1_760_000_001_000,
          toMs: 1_760_000_003_000,
          count: 17,
        },
      ],
    },
    mergedInto: "",
    retractReason: "",
    policyRevision: 3,
    sourceVerified: true,
    origin: "confirmed_at_origin",
    review: emptyReview,
    ...fields,
  };
}

/** A review of which every field is set. */
export function buildReview(fields: Partial<IncidentReview> = {}): IncidentReview {
  return {
    revision: 3,
    acknowledgement: { author: "ana@lab", timeMs: 1_760_000_070_000 },
    closing: { author: "bo@lab", timeMs: 1_760_000_080_000, lastSeenMs: 1_760_000_060_500 },
    notes: [{ author: "ana@lab", timeMs: 1_760_000_075_000, text: "a student's project" }],
    requestIds: ["r-1", "r-2", "r-3"],
    ...fields,
  };
}

/** Ana acknowledges the incident of `buildIncident`. */
export function buildReviewChange(fields: Partial<ReviewChange> = {}): ReviewChange {
  return {
    id: "00000000000000aa",
    action: "acknowledge",
    author: "ana@lab",
    timeMs: 1_760_000_070_000,
    note: "",
    revision: 0,
    requestId: "r-1",
    ...fields,
  };
}

/** An event about such an incident. */
export function buildEvent(
  fields: Partial<Incident> = {},
  type: IncidentEventType = "opened",
): IncidentEvent {
  return { type, incident: buildIncident(fields), notify: type === "opened" };
}
