import { toWireIncident } from "@picket/api/incidents/incident-mapper.js";
import { MemoryIncidentStore } from "@picket/correlator/adapters/memory/memory-incident-store.js";
import type { FlowDelivery } from "@picket/correlator/flows/flow-source.js";
import type { IncidentEvent } from "@picket/correlator/incidents/incident.js";
import { Correlator } from "@picket/correlator/pipeline.js";
import { defaultPolicy } from "@picket/correlator/policy/policy.js";
import type { SensorRecord } from "@picket/correlator/sensors/sensor-registry.js";
import { copiedDelivery } from "@picket/deploy/local/copied-delivery.js";
import { decodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { memoryPorts } from "../engine/memory-ports.js";
import { scenarioStartMs } from "../engine/flow-scenario.js";
import { FleetTraffic } from "../fleet/fleet-traffic.js";
import { FleetVerdict, type FleetFindings } from "../fleet/fleet-verdict.js";
import { VirtualSensors, type SensorBatch } from "../fleet/virtual-sensors.js";
import { planAttacks } from "../scenarios/attack-plan.js";
import { addressText, hostAddress } from "../scenarios/fleet-addresses.js";

/** A fleet in event time. */
export interface EventTimeFleet {
  readonly seed: number;
  /** Hosts with a sensor each. */
  readonly sensors: number;
  readonly runMs: number;
  /** Names of the simulator's attacks; undefined: its default ones. */
  readonly attacks?: readonly string[];
  /** Every delivery waits for the end of a step of this length, milliseconds: what the delays are exact to. */
  readonly stepMs: number;
}

/** What came of a run. */
export interface EventTimeFindings extends FleetFindings {
  readonly flows: number;
}

const flowsPerMinute = 25;
const quietMs = 60_000;
const statusEveryMs = 5000;
const latenessMs = defaultPolicy.incident.allowedLatenessSeconds * 1000;
/** Held-back updates come out once their second is over. */
const roundMs = 2000;

/**
 * Runs the simulator's traffic through one correlator in memory. Time is that of
 * the traffic: a batch arrives in the step in which its sensor sends it, so
 * delays hold what sensors and correlator wait for, and no network or computing.
 */
export async function runEventTimeFleet(fleet: EventTimeFleet): Promise<EventTimeFindings> {
  const { seed, sensors: hosts, runMs, stepMs } = fleet;
  const startMs = scenarioStartMs + 3_600_000;
  const attacks = planAttacks({ seed, hosts, startMs, runMs, quietMs, names: fleet.attacks });
  const rates = { flowsPerSecond: (hosts * flowsPerMinute) / 60, rampMs: quietMs };
  const traffic = new FleetTraffic({ seed, hosts, startMs, ...rates }, attacks);
  const sensors = new VirtualSensors(hosts);
  const verdict = new FleetVerdict(attacks);
  let nowMs = startMs;
  const incidents = new ToldIncidents(({ incident }) => verdict.take(toWireIncident(incident), nowMs));
  const ports = { ...memoryPorts(), incidents };
  const correlator = new Correlator(ports, { owner: "only", seed: 1 });
  for (let statusMs = startMs; nowMs < startMs + runMs;) {
    for (; statusMs <= nowMs; statusMs += statusEveryMs)
      for (const { index, name } of sensors.all) await ports.sensors.recordStatus(status(name, index, nowMs));
    nowMs += stepMs;
    for (const record of traffic.until(nowMs)) sensors.take(record);
    const deliveries = sensors.batches(nowMs).map((batch) => deliveryOf(batch, nowMs));
    if (deliveries.length > 0) await correlator.applyDeliveries(deliveries, nowMs);
    await correlator.tick(nowMs - latenessMs, nowMs);
  }
  const rest = sensors.batches(Number.POSITIVE_INFINITY).map((batch) => deliveryOf(batch, nowMs));
  await correlator.applyDeliveries(rest, nowMs);
  for (let round = 0; round < 3; round++) await correlator.tick(Infinity, (nowMs += roundMs));
  return { ...verdict.findings(), flows: traffic.flows };
}

/** Tells every event that is committed. */
class ToldIncidents extends MemoryIncidentStore {
  constructor(private readonly onEvent: (event: IncidentEvent) => void) {
    super();
  }

  override async commit(events: readonly IncidentEvent[], fence: number): Promise<boolean> {
    const isCommitted = await super.commit(events, fence);
    if (isCommitted) for (const event of events) this.onEvent(event);
    return isCommitted;
  }
}

const decoded = new FlowColumns();

/** The batch as a correlator decodes it from the wire. */
function deliveryOf({ sensor, sequence, bytes }: SensorBatch, nowMs: number): FlowDelivery {
  const error = decodeFlowBatch(bytes, decoded);
  if (error !== undefined) throw new Error(`a batch of ${sensor.name} cannot be read: ${error}`);
  return copiedDelivery(decoded, { sensor: sensor.name, epoch: sensor.epoch, sequence }, nowMs);
}

function status(name: string, index: number, nowMs: number): SensorRecord {
  return {
    name,
    state: "running",
    detail: "",
    version: "0.1.0",
    host: name,
    interfaces: ["eth0"],
    hostAddresses: [addressText(hostAddress(index))],
    startedMs: nowMs,
    lastStatusMs: nowMs,
    clockSkewMs: 0,
    counters: {},
    policyRevision: 0,
    packetsPerSecond: 0,
    appliedRecords: 0,
    lostRecords: 0,
  };
}
