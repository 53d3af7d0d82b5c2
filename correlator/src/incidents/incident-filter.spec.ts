import { describe, expect, it } from "vitest";
import { incidentMatcher } from "./incident-filter.js";
import type { IncidentFilter } from "./incident-store.js";
import { emptyReview, type Incident } from "./incident.js";

const incident: Incident = {
  id: "00000000000000aa",
  revision: 1,
  kind: "horizontal_scan",
  severity: "medium",
  confidence: 0.9,
  state: "open",
  confirmation: "confirmed",
  summary: "10.0.0.9 scans",
  technique: "T1046",
  firstSeenMs: 1000,
  lastSeenMs: 5000,
  updateMs: 5000,
  sources: ["10.0.0.9", "2001:db8::/64"],
  targets: ["10.0.1.1", "10.0.1.2"],
  ports: ["tcp/22"],
  sourceCount: 2,
  targetCount: 2,
  portCount: 1,
  contactCount: 4,
  factors: [],
  evidence: [{ sensor: "lab-01", contactCount: 4, firstSeenMs: 1000, lastSeenMs: 5000 }],
  samples: [],
  coverage: {
    silentSensors: [],
    droppingSensors: [],
    waitingSensors: [],
    refusedMembers: 0,
    lostRecords: 0,
    lapses: [],
  },
  mergedInto: "",
  retractReason: "",
  policyRevision: 0,
  sourceVerified: false,
  origin: "unknown",
  review: emptyReview,
};

describe("an incident filter", () => {
  const cases: [string, IncidentFilter, boolean][] = [
    ["that is empty matches", {}, true],
    ["of what nobody acknowledged matches", { acknowledged: false }, true],
    ["of what somebody acknowledged does not", { acknowledged: true }, false],
    ["with empty lists matches", { kinds: [], states: [] }, true],
    ["of its kind matches", { kinds: ["campaign", "horizontal_scan"] }, true],
    ["of another kind does not", { kinds: ["campaign"] }, false],
    ["of its severity matches", { minSeverity: "medium" }, true],
    ["of a higher severity does not", { minSeverity: "high" }, false],
    ["of another state does not", { states: ["closed"] }, false],
    ["with a source it lists matches", { source: "10.0.0.9" }, true],
    ["with a source inside a listed prefix matches", { source: "2001:db8::7" }, true],
    ["with an IPv4-mapped source matches", { source: "::ffff:10.0.0.9" }, true],
    ["with an unknown source does not", { source: "10.0.0.8" }, false],
    ["with a target it lists matches", { target: "10.0.1.2" }, true],
    ["with its source as target does not", { target: "10.0.0.9" }, false],
    ["with a contributing sensor matches", { sensor: "lab-01" }, true],
    ["with another sensor does not", { sensor: "lab-02" }, false],
    ["for a time it overlaps matches", { seenAfterMs: 5000, seenBeforeMs: 9000 }, true],
    ["for a time after it does not", { seenAfterMs: 5001 }, false],
    ["for a time before it does not", { seenBeforeMs: 999 }, false],
  ];
  it.each(cases)("%s", (_name, filter, expected) => {
    expect(incidentMatcher(filter)(incident)).toBe(expected);
  });

  it("shows merged and retracted incidents only when asked to", () => {
    const retracted: Incident = { ...incident, state: "retracted" };
    expect(incidentMatcher({})(retracted)).toBe(false);
    expect(incidentMatcher({ includeInactive: true })(retracted)).toBe(true);
    expect(incidentMatcher({ states: ["retracted"] })(retracted)).toBe(true);
  });
});
