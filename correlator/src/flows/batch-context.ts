import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";
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

/** Identity of a batch (sensor, epoch, sequence) as a binary string of 16 chars. */
export function contributionOf(sensor: string, columns: FlowColumns): string {
  const low = columns.sequence >>> 0;
  const high = Math.floor(columns.sequence / 0x1_0000_0000);
  let text = wordText(sensorHash(sensor));
  for (let i = 0; i < 6; i++) text += String.fromCharCode(columns.epoch[i]);
  return text + String.fromCharCode(high >>> 8, high & 0xff) + wordText(low);
}

function wordText(word: number): string {
  return String.fromCharCode(word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff);
}
