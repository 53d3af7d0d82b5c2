import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { incidentEventTypes, incidentKinds, incidentStates, severities } from "../../incidents/incident.js";
import { buildEvent, buildIncident, buildReview } from "../memory/incident-fixture.js";
import {
  decodeIncident,
  decodeIncidentEvent,
  encodeIncident,
  encodeIncidentEvent,
} from "./incident-codec.js";

describe("the incident codec", () => {
  it("reads back every field it wrote", () => {
    const incident = buildIncident({ mergedInto: "00000000000000bb", retractReason: "not confirmed" });
    expect(decodeIncident(encodeIncident(incident))).toEqual(incident);
    for (const fields of [{}, { acknowledgement: undefined }, { closing: undefined, notes: [] }]) {
      const reviewed = buildIncident({ review: buildReview(fields) });
      expect(decodeIncident(encodeIncident(reviewed))).toEqual(reviewed);
    }
    const event = buildEvent({}, "merged");
    expect(decodeIncidentEvent(encodeIncidentEvent(event))).toEqual(event);
  });

  it("reads back every kind, state, severity and event type", () => {
    for (const kind of incidentKinds)
      expect(decodeIncident(encodeIncident(buildIncident({ kind })))?.kind).toBe(kind);
    for (const state of incidentStates)
      expect(decodeIncident(encodeIncident(buildIncident({ state })))?.state).toBe(state);
    for (const severity of severities)
      expect(decodeIncident(encodeIncident(buildIncident({ severity })))?.severity).toBe(severity);
    for (const type of incidentEventTypes)
      expect(decodeIncidentEvent(encodeIncidentEvent(buildEvent({}, type)))?.type).toBe(type);
  });

  it("keeps times to the microsecond", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000_000_000 }), (timeUs) => {
        const incident = buildIncident({ firstSeenMs: timeUs / 1000 });
        expect(decodeIncident(encodeIncident(incident))?.firstSeenMs).toBe(timeUs / 1000);
      }),
    );
  });

  it("refuses foreign bytes without a throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodeIncident(bytes);
        decodeIncidentEvent(bytes);
      }),
    );
    expect(decodeIncident(new Uint8Array())).toBeUndefined();
    expect(decodeIncidentEvent(encodeIncidentEvent(buildEvent()).subarray(0, 40))).toBeUndefined();
  });
});
