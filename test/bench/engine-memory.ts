import { MemoryFindingBoard } from "@picket/correlator/adapters/memory/memory-finding-board.js";
import { MemoryIncidentStore } from "@picket/correlator/adapters/memory/memory-incident-store.js";
import { MemoryLeases } from "@picket/correlator/adapters/memory/memory-leases.js";
import { MemorySensorRegistry } from "@picket/correlator/adapters/memory/memory-sensor-registry.js";
import { MemoryWindowStore } from "@picket/correlator/adapters/memory/memory-window-store.js";
import type { FlowDelivery } from "@picket/correlator/flows/flow-source.js";
import { Correlator } from "@picket/correlator/pipeline.js";
import { decodeFlowBatch, encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { batchBytesMax, FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { FleetFlows } from "../scenarios/fleet-flows.js";
import { median, rounded, type Benchmark } from "./benchmark.js";

const batches = 2000;
const recordsPerBatch = 200;
const batchesPerGroup = 50;
const warmUps = 4;
const sensors = 200;
const fleetFlowsPerSecond = 2000;
const startMs = 1_790_000_000_000;

interface EncodedBatch {
  readonly sensor: string;
  readonly bytes: Uint8Array;
}

/** Flows a second of one core: decode, observe, merge, evaluate, group, all in memory. */
export const engineMemory: Benchmark = {
  name: "engine-memory",
  summary: "flows a second through decode, windows and detectors in memory, one core",
  async run({ runs }) {
    const lab = encodeFleet(0.1);
    const attack = encodeFleet(1);
    const labValues: number[] = [];
    const attackValues: number[] = [];
    // A correlator runs for weeks: what the compiler needs for its first seconds is not measured.
    for (let warm = 0; warm < warmUps; warm++) await flowsPerSecond(lab);
    for (let run = 0; run < runs; run++) {
      labValues.push(await flowsPerSecond(lab));
      attackValues.push(await flowsPerSecond(attack));
    }
    return {
      metric: "flow records a CPU second; ratio is lab to attack",
      unit: "flows/s",
      measurements: [
        { label: "lab mix, 10 % failed first contacts", values: labValues },
        { label: "every flow a failed first contact", values: attackValues },
      ],
      value: rounded(median(labValues)),
      peers: {},
      apart: { attack: rounded(median(attackValues)) },
      ratio: { attack: rounded(median(labValues) / median(attackValues)) },
      runs,
      notes: [`${batches} batches of ${recordsPerBatch} flows from ${sensors} sensors, decode included`],
    };
  },
};

function encodeFleet(failedShare: number): EncodedBatch[] {
  const flows = new FleetFlows({
    seed: 7,
    sensors,
    failedShare,
    recordsPerBatch,
    startMs,
    flowsPerSecond: fleetFlowsPerSecond,
    batchSpanMs: (recordsPerBatch * sensors * 1000) / fleetFlowsPerSecond,
  });
  const scratch = new Uint8Array(batchBytesMax);
  return Array.from({ length: batches }, () => {
    const { sensor, builder } = flows.next();
    return { sensor, bytes: encodeFlowBatch(builder.columns, scratch).slice() };
  });
}

async function flowsPerSecond(encoded: readonly EncodedBatch[]): Promise<number> {
  const correlator = new Correlator(
    {
      windows: new MemoryWindowStore(),
      board: new MemoryFindingBoard(),
      leases: new MemoryLeases(),
      incidents: new MemoryIncidentStore(),
      sensors: new MemorySensorRegistry(),
    },
    { owner: "bench" },
  );
  const columns = Array.from({ length: batchesPerGroup }, () => new FlowColumns());
  const start = process.cpuUsage();
  for (let from = 0; from < encoded.length; from += batchesPerGroup) {
    const group = encoded.slice(from, from + batchesPerGroup).map((batch, at) => deliver(batch, columns[at]));
    const eventMs = group[group.length - 1].columns.startUs[0] / 1000;
    await correlator.applyDeliveries(group, performance.now());
    await correlator.tick(eventMs - 60_000, performance.now());
  }
  const used = process.cpuUsage(start);
  return (encoded.length * recordsPerBatch) / ((used.user + used.system) / 1e6);
}

function deliver({ sensor, bytes }: EncodedBatch, columns: FlowColumns): FlowDelivery {
  const error = decodeFlowBatch(bytes, columns);
  if (error !== undefined) throw new Error(`the benchmark's own batch is invalid: ${error}`);
  return { sensor, columns, ingestMs: 0, sentMs: 0, acknowledge: () => undefined, retry: () => undefined };
}
