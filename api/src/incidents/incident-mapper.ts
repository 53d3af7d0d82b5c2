import { isDrill } from "@picket/correlator/incidents/drill.js";
import type {
  Incident,
  IncidentEvent,
  IncidentReview,
  ReviewMark,
} from "@picket/correlator/incidents/incident.js";
import {
  incidentEventTypes,
  incidentKinds,
  incidentOrigins,
  incidentStates,
  severities,
} from "@picket/correlator/incidents/incident.js";
import { lapseReasons, type CoverageLapse } from "@picket/correlator/sensors/coverage-lapse.js";
import * as wire from "@picket/proto/generated/picket/v1/incident.js";
import { toEnum, toTimestamp, toUint64 } from "../grpc/wire-value-mapper.js";

/** The API message of an incident. */
export function toWireIncident(incident: Incident): wire.Incident {
  return {
    id: incident.id,
    revision: toUint64(incident.revision),
    kind: toEnum(incidentKinds, incident.kind),
    severity: toEnum(severities, incident.severity),
    confidence: incident.confidence,
    state: toEnum(incidentStates, incident.state),
    confirmation: toEnum(["provisional", "confirmed"], incident.confirmation),
    summary: incident.summary,
    technique: incident.technique,
    firstSeenTime: toTimestamp(incident.firstSeenMs),
    lastSeenTime: toTimestamp(incident.lastSeenMs),
    updateTime: toTimestamp(incident.updateMs),
    sources: [...incident.sources],
    targets: [...incident.targets],
    ports: [...incident.ports],
    sourceCount: toUint64(incident.sourceCount),
    targetCount: toUint64(incident.targetCount),
    portCount: toUint64(incident.portCount),
    contactCount: toUint64(incident.contactCount),
    factors: incident.factors.map((factor) => ({ ...factor })),
    evidence: incident.evidence.map(toWireEvidence),
    samples: incident.samples.map(toWireSample),
    coverage: toWireCoverage(incident.coverage),
    mergedInto: incident.mergedInto,
    retractReason: incident.retractReason,
    policyRevision: toUint64(incident.policyRevision),
    sourceVerified: incident.sourceVerified,
    origin: toEnum(incidentOrigins, incident.origin),
    drill: isDrill(incident),
    review: toWireReview(incident.review),
  };
}

/** The API message of an incident's change. */
export function toWireIncidentEvent(event: IncidentEvent): wire.IncidentEvent {
  return {
    type: toEnum(incidentEventTypes, event.type),
    incident: toWireIncident(event.incident),
    notify: event.notify,
  };
}

/** The incident as proto3 JSON of picket.v1.Incident: one object to print on a line. */
export function toIncidentJson(incident: Incident): unknown {
  return wire.Incident.toJSON(toWireIncident(incident));
}

/** Absent while nobody said anything; what requests it was made of concerns stores only. */
function toWireReview({
  revision,
  acknowledgement,
  closing,
  notes,
}: IncidentReview): wire.IncidentReview | undefined {
  if (revision === 0) return undefined;
  return {
    revision: toUint64(revision),
    acknowledgement: acknowledgement && toWireMark(acknowledgement),
    closing: closing && { ...toWireMark(closing), lastSeenTime: toTimestamp(closing.lastSeenMs) },
    notes: notes.map((note) => ({ ...toWireMark(note), text: note.text })),
    requestIds: [],
  };
}

function toWireMark({ author, timeMs }: ReviewMark): wire.ReviewMark {
  return { author, time: toTimestamp(timeMs) };
}

function toWireEvidence(evidence: Incident["evidence"][number]): wire.SensorEvidence {
  return {
    sensor: evidence.sensor,
    contactCount: toUint64(evidence.contactCount),
    firstSeenTime: toTimestamp(evidence.firstSeenMs),
    lastSeenTime: toTimestamp(evidence.lastSeenMs),
  };
}

function toWireSample(sample: Incident["samples"][number]): wire.ContactSample {
  return {
    time: toTimestamp(sample.timeMs),
    source: sample.source,
    destination: sample.destination,
    port: sample.port,
    outcome: sample.outcome,
    sensors: [...sample.sensors],
  };
}

function toWireCoverage(coverage: Incident["coverage"]): wire.Coverage {
  return {
    silentSensors: [...coverage.silentSensors],
    droppingSensors: [...coverage.droppingSensors],
    waitingSensors: [...coverage.waitingSensors],
    refusedMembers: toUint64(coverage.refusedMembers),
    lostRecords: toUint64(coverage.lostRecords),
    lapses: coverage.lapses.map(toWireLapse),
  };
}

function toWireLapse(lapse: CoverageLapse): wire.CoverageLapse {
  return {
    sensor: lapse.sensor,
    reason: toEnum(lapseReasons, lapse.reason),
    fromTime: toTimestamp(lapse.fromMs),
    toTime: Number.isFinite(lapse.toMs) ? toTimestamp(lapse.toMs) : undefined,
    count: toUint64(lapse.count),
  };
}
