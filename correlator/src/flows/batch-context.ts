import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import type { AppliedBatch } from "../sensors/batch-account.js";
import { sensorHash } from "../sensors/sensor-registry.js";

/** A sensor's clock may be this far off before its times are corrected. */
const deadZoneMs = 2000;

/**
 * What to add to a batch's event times: stored ingest time minus sending time,
 * in whole seconds, 0 within the dead zone. Depends on nothing but the stored
 * batch, so that a replay sees the same times.
 * @param sentMs the sensor's clock at publishing; 0 when unknown
 */
export function clockCorrectionMs(ingestMs: number, sentMs: number): number {
  if (sentMs === 0 || Math.abs(ingestMs - sentMs) <= deadZoneMs) return 0;
  return Math.round((ingestMs - sentMs) / 1000) * 1000;
}

/**
 * The correction of a stored batch. Records that end after they were sent show
 * that the clock was set back in between: the last one counts as sent then.
 */
export function batchCorrectionMs(columns: FlowColumns, ingestMs: number, sentMs: number): number {
  if (sentMs === 0) return 0;
  let lastUs = 0;
  for (let row = 0; row < columns.length; row++) lastUs = Math.max(lastUs, columns.endUs[row]);
  const lastMs = lastUs / 1000;
  return clockCorrectionMs(ingestMs, lastMs > sentMs + deadZoneMs ? lastMs : sentMs);
}

/** Identity of a batch (sensor, epoch, sequence) as a binary string of 16 chars. */
export function contributionOf(sensor: string, columns: FlowColumns): string {
  const low = columns.sequence >>> 0;
  const high = Math.floor(columns.sequence / 0x1_0000_0000);
  let text = wordText(sensorHash(sensor));
  for (let i = 0; i < 6; i++) text += String.fromCharCode(columns.epoch[i]);
  return text + String.fromCharCode(high >>> 8, high & 0xff) + wordText(low);
}

/** How a batch is counted. */
export function appliedBatchOf(batch: {
  readonly sensor: string;
  readonly columns: FlowColumns;
  readonly ingestMs: number;
}): AppliedBatch {
  const { sensor, columns, ingestMs } = batch;
  const epoch = Buffer.from(columns.epoch).toString("hex");
  return { sensor, epoch, sequence: columns.sequence, records: columns.length, ingestMs };
}

function wordText(word: number): string {
  return String.fromCharCode(word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff);
}
