import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { scenarioStartMs, type ScenarioFlow } from "../engine/flow-scenario.js";
import { benignMix } from "../engine/scenarios.js";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { incidentsOf } from "./golden-run.js";

/** Connections to one web server, so many a second for so long. */
function connections(
  perSecond: number,
  seconds: number,
  outcome: Outcome,
  sourceOf: (index: number) => string,
): ScenarioFlow[] {
  return Array.from({ length: perSecond * seconds }, (_, index) => ({
    source: sourceOf(index),
    destination: "10.9.0.12",
    port: 443,
    sourcePort: 1024 + (index % 60_000),
    timeMs: scenarioStartMs + 65_000 + Math.floor((index * 1000) / perSecond),
    outcome,
  }));
}

describe("a SYN flood", () => {
  it("of half-open connections by one source is one incident", async () => {
    const flood = connections(400, 25, Outcome.halfOpen, () => "203.0.113.80");
    const incidents = await incidentsOf([...flood, ...benignMix()]);
    expect(incidents).toMatchObject([
      {
        kind: "syn_flood",
        severity: "high",
        technique: "T1498.001",
        confirmation: "confirmed",
        sources: ["203.0.113.80"],
        targets: ["10.9.0.12"],
        ports: ["tcp/443"],
      },
    ]);
    expect(incidents[0].evidence).toHaveLength(8);
  });

  it("of spoofed sources is one incident and no scan", async () => {
    const flood = connections(500, 20, Outcome.ignored, (index) => `198.18.${index >> 8}.${index & 255}`);
    expect(await incidentsOf([...flood, ...benignMix()])).toMatchObject([
      { kind: "syn_flood", severity: "high", targets: ["10.9.0.12"], ports: ["tcp/443"] },
    ]);
  });

  it("at random ports of several hosts is no scan of the ports that it hits by chance", async () => {
    const random = new SeededRandom(7);
    const flood = connections(500, 60, Outcome.ignored, (index) => `10.20.${index >> 8}.${index & 255}`).map(
      (flow, index) => ({
        ...flow,
        destination: `10.9.0.${12 + (index % 4)}`,
        port: random.between(1, 65_535),
      }),
    );
    const incidents = await incidentsOf(flood);
    expect(incidents.length).toBeLessThanOrEqual(5);
    expect(incidents.filter(({ portCount }) => portCount === 1)).toEqual([]);
  });

  it("is not what a busy server is given to serve", async () => {
    const load = connections(500, 20, Outcome.answered, (index) => `10.9.0.${20 + (index % 40)}`);
    const lost = connections(20, 20, Outcome.ignored, (index) => `10.9.0.${20 + (index % 3)}`);
    const kinds = (await incidentsOf([...load, ...lost])).map(({ kind }) => kind);
    expect(kinds).not.toContain("syn_flood");
  });
});
