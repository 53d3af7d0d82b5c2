import { incidentKinds, severities } from "@picket/correlator/incidents/incident.js";
import { Incident, IncidentState } from "@picket/proto/generated/picket/v1/incident.js";
import { describe, expect, it } from "vitest";
import { planAttacks, type PlannedAttack } from "../scenarios/attack-plan.js";
import { FleetVerdict } from "./fleet-verdict.js";

const startMs = 1_790_000_000_000;

function plan(name: string): PlannedAttack {
  const settings = { seed: 3, hosts: 50, startMs, runMs: 60_000, quietMs: 5000 };
  return planAttacks({ ...settings, names: [name] })[0];
}

function incident(
  attack: PlannedAttack,
  more: { kind?: string; severity?: string; id?: string } & Partial<Pick<Incident, "state" | "sources">> = {},
): Incident {
  const { kind = attack.kind.kinds[0], severity = attack.kind.severityMin, id = "a", ...rest } = more;
  return Incident.create({
    id,
    kind: incidentKinds.findIndex((each) => each === kind) + 1,
    severity: severities.findIndex((each) => each === severity) + 1,
    state: IncidentState.INCIDENT_STATE_OPEN,
    sources: [...attack.sources],
    targets: [...attack.targets],
    ...rest,
  });
}

describe("the verdict on a run", () => {
  const attack = plan("vertical-scan");

  it("finds an attack of the right kind, and counts the time since it was decided", () => {
    const verdict = new FleetVerdict([attack]);
    verdict.take(incident(attack, { severity: "info" }), attack.decidedMs + 400);
    expect(verdict.isComplete).toBe(false);
    verdict.take(incident(attack), attack.decidedMs + 900);
    expect(verdict.findings()).toMatchObject({ recall: 1, precision: 1, falseIncidents: [] });
    expect(verdict.findings().attacks[0]).toMatchObject({
      isFound: true,
      delayMs: 400,
      incidents: ["vertical_scan medium"],
    });
  });

  it("does not take another kind, or one that was retracted, for it", () => {
    for (const wrong of [{ kind: "block_scan" }, { state: IncidentState.INCIDENT_STATE_RETRACTED }]) {
      const verdict = new FleetVerdict([attack]);
      verdict.take(incident(attack, wrong), startMs);
      expect(verdict.findings()).toMatchObject({ recall: 0, precision: 1 });
    }
  });

  it("holds an incident about strangers against it, from low on, even when it was retracted later", () => {
    const verdict = new FleetVerdict([attack]);
    const sources = ["10.64.0.5"];
    verdict.take(incident(attack), startMs);
    verdict.take(incident(attack, { id: "b", sources }), startMs);
    verdict.take(
      incident(attack, { id: "b", sources, state: IncidentState.INCIDENT_STATE_RETRACTED }),
      startMs,
    );
    verdict.take(incident(attack, { id: "c", sources, severity: "info" }), startMs);
    expect(verdict.findings().falseIncidents.map(({ id }) => id)).toEqual(["b"]);
    expect(verdict.findings().precision).toBe(0.5);
  });

  it("takes an incident that mixes two attacks for neither", () => {
    const other = plan("port-sweep");
    const verdict = new FleetVerdict([attack, other]);
    verdict.take(incident(other, { sources: [...attack.sources, "203.0.113.1", "203.0.113.2"] }), startMs);
    expect(verdict.findings()).toMatchObject({ recall: 0, precision: 0 });
  });
});
