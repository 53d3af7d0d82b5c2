import { Application, Outcome } from "@picket/proto/batch/flow-columns.js";
import { expect, it } from "vitest";
import { scenarioStartMs, spreadFlows, type ScenarioFlow } from "../engine/flow-scenario.js";
import { memoryPorts } from "../engine/memory-ports.js";
import { activeIncidents, runEngine } from "../engine/run-engine.js";
import { benignMix } from "../engine/scenarios.js";
import { SeededRandom } from "../scenarios/seeded-random.js";

const untilMs = scenarioStartMs + 30 * 3_600_000;

async function incidentsOf(flows: readonly ScenarioFlow[]): Promise<object[]> {
  const batches = spreadFlows([...flows, ...benignMix()], { sensors: 3, seed: 7, isDuplicated: true });
  return activeIncidents(await runEngine(memoryPorts(), batches, { correlators: 2, seed: 7, untilMs })).map(
    ({ kind, severity, sources, targets, ports, technique, confirmation }) => ({
      kind,
      severity,
      sources,
      targets,
      ports,
      technique,
      confirmation,
    }),
  );
}

/** Connections with a gap that a function of a random number from 0 to 1 gives. */
function contacts(
  count: number,
  gapMs: (random: number) => number,
  details: Partial<ScenarioFlow>,
): ScenarioFlow[] {
  const random = new SeededRandom(11);
  let timeMs = scenarioStartMs;
  return Array.from({ length: count }, (_, index) => {
    timeMs += Math.round(gapMs(random.next()));
    return {
      source: "10.9.1.7",
      destination: "203.0.113.9",
      port: 8765,
      sourcePort: 40_000 + ((index * 37) % 20_000),
      timeMs,
      outcome: Outcome.answered,
      reversePackets: 5,
      ...details,
    };
  });
}

it.each([
  ["each minute, with a jitter of 30 %", 90, 60_000],
  ["each hour, with a jitter of 30 %", 20, 3_600_000],
])("finds the host that calls home %s", async (_, count, gapMs) => {
  expect(await incidentsOf(contacts(count, (random) => gapMs * (0.7 + 0.6 * random), {}))).toEqual([
    {
      kind: "beacon",
      severity: "medium",
      sources: ["10.9.1.7"],
      targets: ["203.0.113.9"],
      ports: ["tcp/8765"],
      technique: "T1071",
      confirmation: "confirmed",
    },
  ]);
});

it("stays silent on people, update checks, time, mail and the fleet's own monitoring", async () => {
  const web = { port: 443, application: Application.tls, name: "www.example.com" };
  const flows = [
    ...contacts(200, (random) => -30_000 * Math.log(1 - random), web),
    ...contacts(24, () => 3_600_000, { ...web, destination: "203.0.113.10", name: "updates.example.com" }),
    ...contacts(60, () => 64_000, { destination: "203.0.113.11", port: 123, protocol: 17 }),
    ...contacts(40, (random) => 60_000 * (0.8 + 0.4 * random), {
      destination: "203.0.113.12",
      port: 993,
      application: Application.tls,
      name: "mail.example.com",
    }),
    ...contacts(300, () => 10_000, { destination: "10.9.0.20", port: 9100 }),
  ];
  expect(await incidentsOf(flows)).toEqual([]);
});
