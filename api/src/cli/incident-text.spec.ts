import { buildIncident } from "@picket/correlator/adapters/memory/incident-fixture.js";
import type { IncidentOrigin } from "@picket/correlator/incidents/incident.js";
import { describe, expect, it } from "vitest";
import { toWireIncident } from "../incidents/incident-mapper.js";
import { formatIncidentPage } from "./incident-text.js";

const pageOf = (origin: IncidentOrigin): string =>
  formatIncidentPage(toWireIncident(buildIncident({ origin })), false);

describe("the page of an incident", () => {
  it.each([
    ["seen_at_target_only", "origin      seen at the target only"],
    ["seen_at_origin_only", "origin      seen at the source only"],
    ["confirmed_at_origin", "origin      confirmed: seen at the source and at the target"],
  ] as const)("says at which ends it was seen: %s", (origin, line) => {
    expect(pageOf(origin).split("\n")).toContain(line);
  });

  it("says nothing of its ends when none was seen", () => {
    expect(pageOf("unknown")).not.toContain("origin");
  });
});
