import { MemoryHostProfileStore } from "@picket/correlator/adapters/memory/memory-host-profile-store.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { scenarioStartMs, spreadFlows, type ScenarioFlow } from "../engine/flow-scenario.js";
import { memoryPorts } from "../engine/memory-ports.js";
import { activeIncidents, runEngine } from "../engine/run-engine.js";

export const scenarioDayMs = 86_400_000;

/** An answered connection on a day of the scenario, from 0. */
export function connection(
  day: number,
  minute: number,
  source: string,
  destination: string,
  port: number,
): ScenarioFlow {
  const timeMs = scenarioStartMs + day * scenarioDayMs + minute * 60_000;
  return { source, destination, port, timeMs, outcome: Outcome.answered, reversePackets: 8 };
}

/** Incidents once `days` are closed, the flows seen by two of three sensors in any order, by two correlators. */
export async function incidentsOverDays(flows: readonly ScenarioFlow[], days: number): Promise<Incident[]> {
  const ports = { ...memoryPorts(), profiles: new MemoryHostProfileStore() };
  const batches = spreadFlows(flows, { sensors: 3, seed: 7, isDuplicated: true });
  const untilMs = scenarioStartMs + days * scenarioDayMs;
  return activeIncidents(await runEngine(ports, batches, { correlators: 2, seed: 7, untilMs }));
}
