import { GapReason, GapRecord, gapReasonToJSON } from "@picket/proto/generated/picket/v1/flow.js";
import type { SensorGap } from "../../sensors/batch-account.js";

/** Reads a gap record; undefined when it is none or a number is beyond 2^53. */
export function decodeGap(bytes: Uint8Array): SensorGap | undefined {
  const record = parse(bytes);
  if (record === undefined || record.epoch.length !== 16) return undefined;
  const numbers = [
    record.firstSequence,
    record.lastSequence,
    record.records,
    record.packets,
    record.bytes,
  ].map(Number);
  if (!numbers.every(Number.isSafeInteger) || record.reason <= GapReason.GAP_REASON_UNSPECIFIED)
    return undefined;
  const [firstSequence, lastSequence, records, packets, octets] = numbers;
  return {
    epoch: record.epoch.toString("hex"),
    firstSequence,
    lastSequence,
    records,
    packets,
    bytes: octets,
    reason: gapReasonToJSON(record.reason).replace("GAP_REASON_", "").toLowerCase(),
    fromMs: Number(record.fromTimeUs) / 1000,
    toMs: Number(record.toTimeUs) / 1000,
  };
}

function parse(bytes: Uint8Array): GapRecord | undefined {
  try {
    return GapRecord.decode(bytes);
  } catch {
    return undefined;
  }
}
