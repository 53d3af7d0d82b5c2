import { describe, expect, it } from "vitest";
import { buildIncident } from "../adapters/memory/incident-fixture.js";
import { isDrill } from "./drill.js";
import { incidentMatcher } from "./incident-filter.js";
import type { Incident } from "./incident.js";

const evidence = [{ sensor: "doctor-ab12", contactCount: 30, firstSeenMs: 1, lastSeenMs: 2 }];
const drill = { evidence, sources: ["203.0.113.7"], targets: ["198.51.100.1"] };

describe("a drill", () => {
  it.each<[string, Partial<Incident>, boolean]>([
    ["is what only picket doctor's sensors saw of documentation addresses", drill, true],
    ["is not what a host of such a name saw of real addresses", { ...drill, targets: ["10.0.0.1"] }, false],
    ["is not what a real source did", { ...drill, sources: ["10.0.0.9"] }, false],
    [
      "is not what another sensor saw, too",
      { ...drill, evidence: [...evidence, { ...evidence[0], sensor: "lab-01" }] },
      false,
    ],
    ["is not what nobody saw", { ...drill, evidence: [] }, false],
  ])("%s", (_name, fields, expected) => {
    expect(isDrill(buildIncident(fields))).toBe(expected);
  });

  it("is hidden unless inactive incidents are asked for", () => {
    expect(incidentMatcher({})(buildIncident(drill))).toBe(false);
    expect(incidentMatcher({ states: ["open"] })(buildIncident(drill))).toBe(false);
    expect(incidentMatcher({ includeInactive: true })(buildIncident(drill))).toBe(true);
  });
});
