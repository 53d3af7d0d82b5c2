import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { dayMs } from "../windows/window-store.js";
import { batchCorrectionMs } from "./batch-context.js";

/** A sensor packs what ended within seconds; a clock that jumped further than anything is kept is no clock. */
const spreadMsMax = 8 * dayMs;
/** What lies so far after its storing, its clock corrected, has not happened. */
const aheadMsMax = dayMs;

/** Why the times of a batch cannot be true. */
export type BatchTimeFault = "time-spread" | "time-ahead";

/**
 * Checks the ends of a batch's records against each other and against its storing;
 * undefined when they can be true. Old ones can: a sensor may have been cut off for days.
 * @param sentMs the sensor's clock at publishing; 0 when unknown
 */
export function batchTimeFault(
  columns: FlowColumns,
  ingestMs: number,
  sentMs: number,
): BatchTimeFault | undefined {
  let [firstUs, lastUs] = [Infinity, 0];
  for (const { endUs, length } of [columns, columns.arp])
    for (let row = 0; row < length; row++) {
      if (endUs[row] < firstUs) firstUs = endUs[row];
      if (endUs[row] > lastUs) lastUs = endUs[row];
    }
  if (lastUs - firstUs > spreadMsMax * 1000) return "time-spread";
  const lastMs = lastUs / 1000 + batchCorrectionMs(columns, ingestMs, sentMs);
  return lastMs - ingestMs > aheadMsMax ? "time-ahead" : undefined;
}
