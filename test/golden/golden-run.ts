import type { Incident } from "@picket/correlator/incidents/incident.js";
import { spreadFlows, scenarioStartMs, type ScenarioFlow } from "../engine/flow-scenario.js";
import { memoryPorts } from "../engine/memory-ports.js";
import { activeIncidents, runEngine } from "../engine/run-engine.js";

const hourMs = 3_600_000;

/** What the whole engine says of flows that eight sensors saw, each flow twice, once so many hours are closed. */
export async function incidentsOf(flows: readonly ScenarioFlow[], hours = 2): Promise<Incident[]> {
  const batches = spreadFlows(flows, { sensors: 8, seed: 5, isDuplicated: true, recordsPerBatch: 500 });
  const untilMs = scenarioStartMs + hours * hourMs;
  return activeIncidents(await runEngine(memoryPorts(), batches, { correlators: 2, seed: 5, untilMs }));
}
