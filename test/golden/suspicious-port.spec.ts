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
    ({ kind, severity, sources, targets, ports, technique }) => ({
      kind,
      severity,
      sources,
      targets,
      ports,
      technique,
    }),
  );
}

function flow(details: Partial<ScenarioFlow>): ScenarioFlow {
  return {
    source: "10.9.1.7",
    destination: "10.9.1.9",
    port: 23,
    timeMs: scenarioStartMs + 60_000,
    outcome: Outcome.answered,
    application: Application.other,
    reversePackets: 20,
    ...details,
  };
}

it("makes one low incident of a host's telnet and IRC", async () => {
  const flows = [
    flow({}),
    flow({ destination: "10.9.1.10" }),
    flow({ destination: "203.0.113.9", port: 6667, timeMs: scenarioStartMs + 2 * 3_600_000 }),
  ];
  expect(await incidentsOf(flows)).toEqual([
    {
      kind: "suspicious_port",
      severity: "low",
      sources: ["10.9.1.7"],
      targets: ["10.9.1.10", "10.9.1.9", "203.0.113.9"],
      ports: ["tcp/23", "tcp/6667"],
      technique: "T1571",
    },
  ]);
});

it("stays silent on ports that were closed, and on what only a scanner opened", async () => {
  const flows = [
    flow({ outcome: Outcome.refused, reversePackets: 1, application: Application.unknown }),
    flow({ destination: "10.9.1.10", reversePackets: 2, application: Application.unknown }),
    flow({ destination: "10.9.1.11", port: 22, application: Application.ssh }),
  ];
  expect(await incidentsOf(flows)).toEqual([]);
});
