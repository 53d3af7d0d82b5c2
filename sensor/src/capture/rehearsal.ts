import { encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { batchBytesMax } from "@picket/proto/batch/flow-columns.js";
import { SensorPipeline } from "../pipeline.js";
import { totalsOf } from "./live-batch.js";
import { RehearsalTraffic } from "./rehearsal-traffic.js";

const packetsMax = 40_000;
const durationMaxMs = 600;

/** What a rehearsal came to. */
export interface Rehearsal {
  readonly packets: number;
  readonly records: number;
}

/**
 * Meters made-up traffic into nothing. Of a process that just started, the first
 * packets cost over ten microseconds each, until the code they run is compiled:
 * at a million packets a second the ring would overflow before. Takes half a
 * second or less; nothing of it is kept.
 */
export function rehearse(nowMs: () => number = () => performance.now()): Rehearsal {
  const scratch = new Uint8Array(batchBytesMax);
  let records = 0;
  const pipeline = new SensorPipeline(
    { tableFlowsMax: 4096, idleTimeoutUs: 200_000, failedFlushUs: 50_000 },
    (columns) => {
      encodeFlowBatch(columns, scratch);
      records += totalsOf(columns).records;
    },
  );
  const traffic = new RehearsalTraffic((block) => pipeline.onBlock(block));
  const endMs = nowMs() + durationMaxMs;
  let packets = 0;
  while (packets < packetsMax && nowMs() < endMs) {
    packets += traffic.next();
  }
  pipeline.finish();
  return { packets, records };
}
