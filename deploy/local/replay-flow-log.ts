import type { Correlator } from "@picket/correlator/pipeline.js";
import { decodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { FlowColumns } from "@picket/proto/batch/flow-columns.js";

import { copiedDelivery } from "./copied-delivery.js";
import type { FlowLog } from "./flow-log.js";

/** Windows remember a source for a day. */
const replayMs = 86_400_000;
/** Most bytes of flow records that are replayed at a start, the newest ones: about three million records. */
const replayBytesMax = 96 * 1024 ** 2;

/**
 * Fills the empty windows of a new process with the flows of the last day, as
 * they were stored, identity and all: what was seen before a restart still
 * counts after it.
 */
export async function replayFlowLog(
  flowLog: FlowLog,
  correlator: Correlator,
  nowMs: number,
  say: (line: string) => void,
): Promise<void> {
  const columns = new FlowColumns();
  let records = 0;
  for await (const entry of flowLog.read(nowMs - replayMs, replayBytesMax)) {
    if (decodeFlowBatch(entry.bytes, columns) !== undefined) continue;
    const { epoch, sequence } = columns;
    const identity = { sensor: entry.sensor, epoch, sequence };
    await correlator.applyDeliveries([copiedDelivery(columns, identity, entry.ingestMs)], entry.ingestMs);
    records += columns.length;
  }
  if (records > 0) say(`read back ${records.toLocaleString("en")} flow records of the last day`);
}
