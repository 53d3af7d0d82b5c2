import { appendArp, type RunArp } from "@picket/correlator/detectors/testing/arp-run.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { scenarioStartMs, type ScenarioBatch } from "../engine/flow-scenario.js";
import { memoryPorts } from "../engine/memory-ports.js";
import { activeIncidents, runEngine } from "../engine/run-engine.js";

const recordsPerBatch = 50;

/** ARP records as each of several sensors reports them. */
export function arpBatches(
  records: readonly RunArp[],
  sensors: number,
  isSeenBy: (index: number, sensor: number) => boolean,
): ScenarioBatch[] {
  const batches: ScenarioBatch[] = [];
  for (let sensor = 0; sensor < sensors; sensor++) {
    const seen = records.filter((_, index) => isSeenBy(index, sensor));
    for (let from = 0; from < seen.length; from += recordsPerBatch) {
      const builder = new FlowBatchBuilder(recordsPerBatch);
      for (const record of seen.slice(from, from + recordsPerBatch)) appendArp(builder, record);
      builder.columns.sequence = 1 + from / recordsPerBatch;
      builder.columns.epoch.fill(7);
      batches.push({ sensor: `sensor-${sensor}`, columns: builder.columns });
    }
  }
  return batches;
}

/** What the whole engine says of batches, each delivered twice, once everything is closed. */
export async function incidentsOfBatches(batches: readonly ScenarioBatch[]): Promise<Incident[]> {
  const untilMs = scenarioStartMs + 7_200_000;
  const options = { correlators: 2, seed: 5, untilMs, isRedelivered: true };
  return activeIncidents(await runEngine(memoryPorts(), batches, options));
}
