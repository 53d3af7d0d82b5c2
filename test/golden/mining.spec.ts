import { Application, Outcome } from "@picket/proto/batch/flow-columns.js";
import { expect, it } from "vitest";
import { scenarioStartMs, spreadFlows, type ScenarioFlow } from "../engine/flow-scenario.js";
import { memoryPorts } from "../engine/memory-ports.js";
import { activeIncidents, runEngine } from "../engine/run-engine.js";
import { benignMix } from "../engine/scenarios.js";

const untilMs = scenarioStartMs + 3 * 3_600_000;

async function incidentsOf(flows: readonly ScenarioFlow[]): Promise<object[]> {
  const batches = spreadFlows([...flows, ...benignMix()], { sensors: 3, seed: 7, isDuplicated: true });
  return activeIncidents(await runEngine(memoryPorts(), batches, { correlators: 2, seed: 7, untilMs })).map(
    ({ kind, severity, sources, targets, technique, confirmation }) => ({
      kind,
      severity,
      sources,
      targets,
      technique,
      confirmation,
    }),
  );
}

function flow(details: Partial<ScenarioFlow>): ScenarioFlow {
  return {
    source: "10.9.1.7",
    destination: "198.51.100.7",
    port: 443,
    timeMs: scenarioStartMs + 60_000,
    outcome: Outcome.answered,
    reversePackets: 12,
    ...details,
  };
}

it("finds the one host that speaks stratum with a pool it asked for", async () => {
  const flows = [
    flow({
      destination: "10.9.0.1",
      port: 53,
      protocol: 17,
      application: Application.dns,
      name: "eu.nanopool.org",
    }),
    ...[0, 20, 40].map((minutes) =>
      flow({ application: Application.stratum, timeMs: scenarioStartMs + minutes * 60_000 + 90_000 }),
    ),
  ];
  expect(await incidentsOf(flows)).toEqual([
    {
      kind: "mining",
      severity: "high",
      sources: ["10.9.1.7"],
      targets: ["198.51.100.7"],
      technique: "T1496",
      confirmation: "confirmed",
    },
  ]);
});

it("stays silent on peers of a coin's network and on readers of a pool's pages", async () => {
  const flows = [
    ...Array.from({ length: 40 }, (_, index) =>
      flow({ destination: `198.51.100.${index + 1}`, port: 30_303, application: Application.other }),
    ),
    flow({
      destination: "10.9.0.1",
      port: 53,
      protocol: 17,
      application: Application.dns,
      name: "www.nanopool.org",
    }),
    flow({ application: Application.tls, name: "www.nanopool.org" }),
  ];
  expect(await incidentsOf(flows)).toEqual([]);
});
