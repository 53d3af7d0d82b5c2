import { MemoryHostProfileStore } from "@picket/correlator/adapters/memory/memory-host-profile-store.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import type { CorrelatorPorts } from "@picket/correlator/pipeline.js";
import type { SensorRecord } from "@picket/correlator/sensors/sensor-registry.js";
import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { scenarioStartMs, spreadFlows, type ScenarioFlow } from "../engine/flow-scenario.js";
import { memoryPorts } from "../engine/memory-ports.js";
import { runReplicas } from "../engine/replicas.js";
import { runEngine } from "../engine/run-engine.js";
import { connection, scenarioDayMs } from "./profile-run.js";

/** Hosts with a sensor each, 10.9.0.1 on; the rest of 10.9.0.0/24 is free. */
export const fleetHosts = 20;

/** How the flows of a fleet reach the correlators. */
export interface FleetSpread {
  readonly sensors: number;
  readonly correlators: number;
  readonly seed: number;
  readonly isRepeated: boolean;
  /** The sensors told nothing of their hosts. */
  readonly isUnknown?: boolean;
  /** The network that the sensors say they are on; default: they are too old to say. */
  readonly network?: string;
}

export const fleetSpread: FleetSpread = { sensors: 4, correlators: 2, seed: 7, isRepeated: true };

/** An unanswered SYN on the second day of the scenario. */
export function unanswered(minute: number, source: string, destination: string, port: number): ScenarioFlow {
  const timeMs = scenarioStartMs + scenarioDayMs + minute * 60_000;
  return { source, destination, port, timeMs, outcome: Outcome.ignored };
}

/** The fleet's own traffic: each host asks the next one for a page every ten minutes. */
export function fleetTraffic(days = 2): ScenarioFlow[] {
  return Array.from({ length: fleetHosts }, (_, host) =>
    Array.from({ length: days }, (__, day) => day).flatMap((day) =>
      Array.from({ length: 144 }, (___, round) =>
        connection(day, round * 10, `10.9.0.${host + 1}`, `10.9.0.${((host + 1) % fleetHosts) + 1}`, 443),
      ),
    ),
  ).flat();
}

/** All incidents of two days of a fleet, whose sensors told their addresses, once everything is closed. */
export async function incidentsOfFleet(
  flows: readonly ScenarioFlow[],
  spread: FleetSpread = fleetSpread,
): Promise<Incident[]> {
  const { sensors, correlators, seed, isRepeated } = spread;
  const ports = { ...memoryPorts(), profiles: new MemoryHostProfileStore() };
  if (spread.isUnknown !== true) await tellAddresses(ports, spread.network);
  const batches = spreadFlows(flows, { sensors, seed, isDuplicated: isRepeated, recordsPerBatch: 500 });
  const untilMs = scenarioStartMs + 2 * scenarioDayMs;
  return runEngine(ports, batches, { correlators, seed, isRedelivered: isRepeated, untilMs });
}

/** The same of some days, closed piece by piece by correlators that come and go. */
export async function incidentsOverWeek(flows: readonly ScenarioFlow[], days: number): Promise<Incident[]> {
  const ports = { ...memoryPorts(), profiles: new MemoryHostProfileStore() };
  await tellAddresses(ports);
  const batches = spreadFlows(flows, { sensors: 4, seed: 7, recordsPerBatch: 500 });
  const untilMs = scenarioStartMs + days * scenarioDayMs;
  const { incidents } = await runReplicas(() => ports, batches, { correlators: 2, seed: 7, untilMs });
  return [...incidents];
}

async function tellAddresses({ sensors }: CorrelatorPorts, network?: string): Promise<void> {
  const networks = network === undefined ? {} : { linkNetworks: [network] };
  for (let host = 1; host <= fleetHosts; host++) await sensors.recordStatus({ ...status(host), ...networks });
}

function status(host: number): SensorRecord {
  return {
    name: `host-${host}`,
    state: "running",
    detail: "",
    version: "0.1.0",
    host: `host-${host}`,
    interfaces: ["eth0"],
    hostAddresses: [`10.9.0.${host}`],
    startedMs: 1,
    lastStatusMs: 1,
    clockSkewMs: 0,
    counters: {},
    policyRevision: 0,
    packetsPerSecond: 0,
    appliedRecords: 0,
    lostRecords: 0,
  };
}
