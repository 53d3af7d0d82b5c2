import { GapRecord, type GapReason as WireReason } from "@picket/proto/generated/picket/v1/flow.js";
import { gapReasons, type Gap } from "./gap.js";

/** A gap as a `picket.v1.GapRecord`. */
export function encodeGap(gap: Gap): Uint8Array {
  return GapRecord.encode({
    epoch: Buffer.from(gap.epoch),
    firstSequence: BigInt(gap.firstSequence),
    lastSequence: BigInt(gap.lastSequence),
    records: BigInt(gap.records),
    packets: BigInt(gap.packets),
    bytes: BigInt(gap.bytes),
    reason: (gapReasons.indexOf(gap.reason) + 1) as WireReason,
    fromTimeUs: BigInt(Math.round(gap.fromUs)),
    toTimeUs: BigInt(Math.round(gap.toUs)),
  }).finish();
}

/** The gap in the bytes of a `picket.v1.GapRecord` we wrote; undefined for anything else. */
export function decodeGap(bytes: Uint8Array): Gap | undefined {
  const record = decodeRecord(bytes);
  const reason = gapReasons[(record?.reason ?? 0) - 1];
  if (record === undefined || reason === undefined) return undefined;
  return {
    epoch: Uint8Array.from(record.epoch),
    firstSequence: Number(record.firstSequence),
    lastSequence: Number(record.lastSequence),
    records: Number(record.records),
    packets: Number(record.packets),
    bytes: Number(record.bytes),
    reason,
    fromUs: Number(record.fromTimeUs),
    toUs: Number(record.toTimeUs),
  };
}

function decodeRecord(bytes: Uint8Array): GapRecord | undefined {
  try {
    return GapRecord.decode(bytes);
  } catch {
    return undefined;
  }
}
