import type { Timestamp } from "@picket/proto/generated/google/protobuf/timestamp.js";
import * as wire from "@picket/proto/generated/picket/v1/incident.js";
import { isDrill } from "../../incidents/drill.js";
import {
  emptyReview,
  incidentEventTypes,
  incidentKinds,
  incidentOrigins,
  incidentStates,
  severities,
} from "../../incidents/incident.js";
import { lapseReasons } from "../../sensors/coverage-lapse.js";
import type { CoverageLapse } from "../../sensors/coverage-lapse.js";
import type {
  ContactSample,
  Coverage,
  Incident,
  IncidentEvent,
  IncidentReview,
  ReviewMark,
  SensorEvidence,
} from "../../incidents/incident.js";

/** `picket.v1.IncidentEvent` as bytes. */
export function encodeIncidentEvent(event: IncidentEvent): Uint8Array {
  return wire.IncidentEvent.encode({
    type: incidentEventTypes.indexOf(event.type) + 1,
    incident: toWire(event.incident),
    notify: event.notify,
  }).finish();
}

/** Undefined when the bytes are no event that this version knows. */
export function decodeIncidentEvent(bytes: Uint8Array): IncidentEvent | undefined {
  const message = attempt(() => wire.IncidentEvent.decode(bytes));
  const type = message && incidentEventTypes[message.type - 1];
  const incident = message?.incident && fromWire(message.incident);
  if (message === undefined || type === undefined || incident === undefined) return undefined;
  return { type, incident, notify: message.notify };
}

/** `picket.v1.Incident` as bytes. */
export function encodeIncident(incident: Incident): Uint8Array {
  return wire.Incident.encode(toWire(incident)).finish();
}

/** Undefined when the bytes are no incident that this version knows. */
export function decodeIncident(bytes: Uint8Array): Incident | undefined {
  const message = attempt(() => wire.Incident.decode(bytes));
  return message && fromWire(message);
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function toWire(incident: Incident): wire.Incident {
  return {
    ...scalarsToWire(incident),
    sources: [...incident.sources],
    targets: [...incident.targets],
    ports: [...incident.ports],
    factors: incident.factors.map((factor) => ({ ...factor })),
    evidence: incident.evidence.map((evidence) => ({
      sensor: evidence.sensor,
      contactCount: BigInt(Math.round(evidence.contactCount)),
      firstSeenTime: timestampOf(evidence.firstSeenMs),
      lastSeenTime: timestampOf(evidence.lastSeenMs),
    })),
    samples: incident.samples.map(({ timeMs, sensors, ...sample }) => ({
      ...sample,
      time: timestampOf(timeMs),
      sensors: [...sensors],
    })),
    coverage: {
      silentSensors: [...incident.coverage.silentSensors],
      droppingSensors: [...incident.coverage.droppingSensors],
      waitingSensors: [...incident.coverage.waitingSensors],
      refusedMembers: BigInt(Math.round(incident.coverage.refusedMembers)),
      lostRecords: BigInt(Math.round(incident.coverage.lostRecords)),
      lapses: incident.coverage.lapses.map(lapseToWire),
    },
    drill: isDrill(incident),
    review: reviewToWire(incident.review),
  };
}

type WireLists =
  | "sources"
  | "targets"
  | "ports"
  | "factors"
  | "evidence"
  | "samples"
  | "coverage"
  | "drill"
  | "review";

function scalarsToWire(incident: Incident): Omit<wire.Incident, WireLists> {
  return {
    id: incident.id,
    revision: BigInt(incident.revision),
    kind: incidentKinds.indexOf(incident.kind) + 1,
    severity: severities.indexOf(incident.severity) + 1,
    confidence: incident.confidence,
    state: incidentStates.indexOf(incident.state) + 1,
    confirmation:
      incident.confirmation === "confirmed"
        ? wire.Confirmation.CONFIRMATION_CONFIRMED
        : wire.Confirmation.CONFIRMATION_PROVISIONAL,
    summary: incident.summary,
    technique: incident.technique,
    firstSeenTime: timestampOf(incident.firstSeenMs),
    lastSeenTime: timestampOf(incident.lastSeenMs),
    updateTime: timestampOf(incident.updateMs),
    sourceCount: BigInt(Math.round(incident.sourceCount)),
    targetCount: BigInt(Math.round(incident.targetCount)),
    portCount: BigInt(Math.round(incident.portCount)),
    contactCount: BigInt(Math.round(incident.contactCount)),
    mergedInto: incident.mergedInto,
    retractReason: incident.retractReason,
    policyRevision: BigInt(incident.policyRevision),
    sourceVerified: incident.sourceVerified,
    origin: incidentOrigins.findIndex((origin) => origin === incident.origin) + 1,
  };
}

function fromWire(message: wire.Incident): Incident | undefined {
  const kind = incidentKinds[message.kind - 1];
  const severity = severities[message.severity - 1];
  const state = incidentStates[message.state - 1];
  if (kind === undefined || severity === undefined || state === undefined || message.id === "")
    return undefined;
  const isConfirmed = message.confirmation === wire.Confirmation.CONFIRMATION_CONFIRMED;
  return {
    id: message.id,
    revision: Number(message.revision),
    kind,
    severity,
    confidence: message.confidence,
    state,
    confirmation: isConfirmed ? "confirmed" : "provisional",
    summary: message.summary,
    technique: message.technique,
    firstSeenMs: millisecondsOf(message.firstSeenTime),
    lastSeenMs: millisecondsOf(message.lastSeenTime),
    updateMs: millisecondsOf(message.updateTime),
    sources: message.sources,
    targets: message.targets,
    ports: message.ports,
    sourceCount: Number(message.sourceCount),
    targetCount: Number(message.targetCount),
    portCount: Number(message.portCount),
    contactCount: Number(message.contactCount),
    factors: message.factors,
    evidence: message.evidence.map(evidenceFromWire),
    samples: message.samples.map(sampleFromWire),
    coverage: coverageFromWire(message.coverage),
    mergedInto: message.mergedInto,
    retractReason: message.retractReason,
    policyRevision: Number(message.policyRevision),
    sourceVerified: message.sourceVerified,
    origin: incidentOrigins[message.origin - 1] ?? "unknown",
    review: reviewFromWire(message.review),
  };
}

function evidenceFromWire(evidence: wire.SensorEvidence): SensorEvidence {
  return {
    sensor: evidence.sensor,
    contactCount: Number(evidence.contactCount),
    firstSeenMs: millisecondsOf(evidence.firstSeenTime),
    lastSeenMs: millisecondsOf(evidence.lastSeenTime),
  };
}

function sampleFromWire({ time, ...sample }: wire.ContactSample): ContactSample {
  return { ...sample, timeMs: millisecondsOf(time) };
}

function coverageFromWire(coverage: wire.Coverage | undefined): Coverage {
  return {
    silentSensors: coverage?.silentSensors ?? [],
    droppingSensors: coverage?.droppingSensors ?? [],
    waitingSensors: coverage?.waitingSensors ?? [],
    refusedMembers: Number(coverage?.refusedMembers ?? 0),
    lostRecords: Number(coverage?.lostRecords ?? 0),
    lapses: (coverage?.lapses ?? []).flatMap(lapseFromWire),
  };
}

function lapseToWire({ sensor, reason, fromMs, toMs, count }: CoverageLapse): wire.CoverageLapse {
  return {
    sensor,
    reason: lapseReasons.indexOf(reason) + 1,
    fromTime: timestampOf(fromMs),
    toTime: Number.isFinite(toMs) ? timestampOf(toMs) : undefined,
    count: BigInt(Math.round(count)),
  };
}

/** A reason of a newer version is left out. */
function lapseFromWire({ sensor, reason, fromTime, toTime, count }: wire.CoverageLapse): CoverageLapse[] {
  const known = lapseReasons[reason - 1];
  if (known === undefined) return [];
  const toMs = toTime === undefined ? Infinity : millisecondsOf(toTime);
  return [{ sensor, reason: known, fromMs: millisecondsOf(fromTime), toMs, count: Number(count) }];
}

function reviewToWire(review: IncidentReview): wire.IncidentReview | undefined {
  if (review.revision === 0) return undefined;
  const { acknowledgement, closing, notes } = review;
  return {
    revision: BigInt(review.revision),
    acknowledgement: acknowledgement && {
      author: acknowledgement.author,
      time: timestampOf(acknowledgement.timeMs),
    },
    closing: closing && {
      author: closing.author,
      time: timestampOf(closing.timeMs),
      lastSeenTime: timestampOf(closing.lastSeenMs),
    },
    notes: notes.map(({ author, timeMs, text }) => ({ author, time: timestampOf(timeMs), text })),
    requestIds: [...review.requestIds],
  };
}

function reviewFromWire(review: wire.IncidentReview | undefined): IncidentReview {
  if (review === undefined) return emptyReview;
  return {
    revision: Number(review.revision),
    acknowledgement: review.acknowledgement && markFromWire(review.acknowledgement),
    closing: review.closing && {
      ...markFromWire(review.closing),
      lastSeenMs: millisecondsOf(review.closing.lastSeenTime),
    },
    notes: review.notes.map((note) => ({ ...markFromWire(note), text: note.text })),
    requestIds: review.requestIds,
  };
}

function markFromWire({ author, time }: wire.ReviewMark): ReviewMark {
  return { author, timeMs: millisecondsOf(time) };
}

/** Times keep microseconds, which is what sensors measure. */
function timestampOf(timeMs: number): Timestamp {
  const timeUs = Math.round(timeMs * 1000);
  const seconds = Math.floor(timeUs / 1e6);
  return { seconds: BigInt(seconds), nanos: (timeUs - seconds * 1e6) * 1000 };
}

function millisecondsOf(time: Timestamp | undefined): number {
  if (time === undefined) return 0;
  return (Number(time.seconds) * 1e6 + Math.round(time.nanos / 1000)) / 1000;
}
