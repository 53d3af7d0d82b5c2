import type { Incident } from "@picket/correlator/incidents/incident.js";
import { decodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import type { ScenarioBatch } from "../engine/flow-scenario.js";
import { memoryPorts } from "../engine/memory-ports.js";
import { activeIncidents, runEngine } from "../engine/run-engine.js";
import type { RecordedBatch } from "./flow-recorder.js";

/** Incidents of an engine of their own that sees these batches and nothing else, everything closed. */
export async function correlateAlone(batches: readonly RecordedBatch[]): Promise<Incident[]> {
  const decoded = batches.map(decode);
  return activeIncidents(
    await runEngine(memoryPorts(), decoded, { correlators: 1, seed: 1, untilMs: Infinity }),
  );
}

function decode({ sensor, bytes }: RecordedBatch): ScenarioBatch {
  const columns = new FlowColumns();
  const fault = decodeFlowBatch(bytes, columns);
  if (fault !== undefined) throw new Error(`a recorded batch cannot be decoded: ${fault}`);
  return { sensor, columns };
}
