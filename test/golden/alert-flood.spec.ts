import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { expect, it } from "vitest";
import { packFlows, scenarioStartMs, type ScenarioFlow } from "../engine/flow-scenario.js";
import { memoryPorts } from "../engine/memory-ports.js";
import { activeIncidents, runEngine } from "../engine/run-engine.js";
import { SeededRandom } from "../scenarios/seeded-random.js";

const scanners = 10_000;
const probesEach = 8;
const hosts = 40;

/** Sources from everywhere, each with its own few probes within an hour. */
function flood(): ScenarioFlow[] {
  const random = new SeededRandom(12);
  return Array.from({ length: scanners }, (_, index) => {
    const startMs = scenarioStartMs + random.below(3_000_000);
    return Array.from({ length: probesEach }, (_, probe) => ({
      source: `${130 + (index % 30)}.${index >> 8}.${index & 255}.9`,
      destination: `10.9.0.${1 + random.below(hosts)}`,
      port: 1 + random.below(60_000),
      timeMs: startMs + probe * 5000,
      outcome: Outcome.refused,
    }));
  })
    .flat()
    .sort((a, b) => a.timeMs - b.timeMs);
}

it("makes few incidents of 10,000 scanners and says how many they were", async () => {
  const batches = packFlows(flood(), "sensor-0", 1000);
  const options = { correlators: 1, seed: 1, untilMs: scenarioStartMs + 7_200_000, batchesPerGroup: 8 };
  const incidents = activeIncidents(await runEngine(memoryPorts(), batches, options));
  expect(incidents.length).toBeLessThanOrEqual(50);
  const most = incidents.reduce((count, { sourceCount }) => Math.max(count, sourceCount), 0);
  expect(most).toBeGreaterThan(scanners * 0.9);
  expect(most).toBeLessThanOrEqual(scanners);
}, 120_000);
