import { Outcome } from "@picket/proto/batch/flow-columns.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { describe, expect, it } from "vitest";
import { scenarioStartMs, spreadFlows, type ScenarioFlow } from "./flow-scenario.js";
import { memoryPorts } from "./memory-ports.js";
import { activeIncidents, runEngine } from "./run-engine.js";

const addresses = Array.from({ length: 10 }, (_, index) => `${20 + index * 7}.44.${index}.9`);
const nmap = Uint8Array.of(64, 0, 4, 0, 5, 180, 255, 0, 0x20, 0, 0, 0);

/** One scan of a host under ten addresses from all over, each with the fingerprint of its number. */
function decoyScan(fingerprintOf: (address: number) => Uint8Array): ScenarioFlow[] {
  return addresses.flatMap((source, address) =>
    Array.from({ length: 60 }, (_, index): ScenarioFlow => ({
      source,
      destination: "10.9.0.13",
      port: 20 + index * 11,
      timeMs: scenarioStartMs + 60_000 + index * 100 + address,
      outcome: Outcome.refused,
      fingerprint: fingerprintOf(address),
    })),
  );
}

async function incidentsOf(flows: readonly ScenarioFlow[], seed: number): Promise<Incident[]> {
  const batches = spreadFlows(flows, { sensors: 2, seed, isDuplicated: true });
  const options = { correlators: 2, seed, isRedelivered: true, untilMs: scenarioStartMs + 3_600_000 };
  return activeIncidents(await runEngine(memoryPorts(), batches, options));
}

describe("a scan under ten addresses from all over", () => {
  it.each([1, 2, 3])("is one campaign by its fingerprint, in any order (%i)", async (seed) => {
    const incidents = await incidentsOf(
      decoyScan((address) => nmap.with(2, address % 4)),
      seed,
    );
    expect(incidents).toHaveLength(1);
    const [{ kind, sources, contactCount, sourceVerified, confirmation }] = incidents;
    expect({ kind, contactCount, sourceVerified, confirmation }).toEqual({
      kind: "campaign",
      contactCount: 600,
      sourceVerified: false,
      confirmation: "confirmed",
    });
    expect(sources).toEqual([...addresses].sort());
  });

  it("is no campaign when the systems differ", async () => {
    const incidents = await incidentsOf(
      decoyScan((address) => nmap.with(0, 32 + address)),
      1,
    );
    expect(incidents.map(({ kind }) => kind)).not.toContain("campaign");
  });
});
