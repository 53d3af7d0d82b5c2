import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { expect, it } from "vitest";
import { scenarioStartMs, type ScenarioFlow } from "../engine/flow-scenario.js";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { incidentsOf } from "./golden-run.js";

const popularPorts = [22, 23, 80, 443, 445, 1433, 3306, 3389, 5900, 6379, 8080, 8443];

/** Sources from everywhere that knock on a few ports of one public address, from before an hour and a half on. */
function background(sources: number, seed = 3): ScenarioFlow[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: sources }, (_, index) => {
    const startMs = scenarioStartMs - 300_000 + random.below(5_700_000);
    return Array.from({ length: 1 + random.below(9) }, () => ({
      source: `${130 + (index % 30)}.7.${index >> 8}.${index & 255}`,
      destination: "10.9.0.80",
      port: random.chance(0.2) ? random.pick(popularPorts) : 1 + random.below(60_000),
      timeMs: startMs + random.below(300_000),
      outcome: random.chance(0.8) ? Outcome.refused : Outcome.ignored,
    }));
  })
    .flat()
    .filter(({ timeMs }) => timeMs >= scenarioStartMs);
}

it("rolls up what a public address hears all day, with the number of sources", async () => {
  const incidents = await incidentsOf(background(600));
  expect(incidents.filter(({ severity }) => severity !== "info" && severity !== "low")).toEqual([]);
  const [rolled] = incidents.filter(({ kind }) => kind === "background_scanning");
  expect(rolled).toMatchObject({ severity: "info", technique: "T1595", targets: ["10.9.0.80"] });
  expect(rolled.sourceCount).toBeGreaterThan(20);
});

it("keeps a scan of many sources at one moment apart from it", async () => {
  const joint = Array.from({ length: 60 }, (_, index): ScenarioFlow => ({
    source: `203.0.${index}.9`,
    destination: "10.9.0.80",
    port: 2000 + index * 17,
    timeMs: scenarioStartMs + 2_400_000 + index * 500,
    outcome: Outcome.refused,
  }));
  const incidents = await incidentsOf([...background(300), ...joint]);
  const shared = incidents.filter(({ kind }) => kind === "distributed_scan");
  expect(shared).toHaveLength(1);
  expect(shared[0].sources).toEqual(expect.arrayContaining(joint.map(({ source }) => source)));
});

it("tells one port over the fleet once, and not as background besides", async () => {
  const sweep = Array.from({ length: 144 }, (_, index): ScenarioFlow => ({
    source: `203.0.113.${20 + Math.floor(index / 12)}`,
    destination: `10.9.0.${11 + (index % 12)}`,
    port: 3389,
    timeMs: scenarioStartMs + index * 200,
    outcome: Outcome.refused,
  }));
  const incidents = await incidentsOf(sweep);
  expect(incidents).toMatchObject([{ kind: "distributed_scan", sourceCount: 12, targetCount: 12 }]);
});

it("is none of sources that deal out the ports of one host", async () => {
  const parts = Array.from({ length: 200 }, (_, index): ScenarioFlow => ({
    source: `${45 + 7 * Math.floor(index / 20)}.1.1.9`,
    destination: "10.9.0.80",
    port: 1 + ((index * 77) % 200),
    timeMs: scenarioStartMs + index * 1000,
    outcome: Outcome.refused,
  }));
  const incidents = await incidentsOf(parts);
  expect(incidents).toMatchObject([{ kind: "distributed_scan", severity: "high", sourceCount: 10 }]);
});
