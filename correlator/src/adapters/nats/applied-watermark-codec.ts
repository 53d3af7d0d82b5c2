import { AppliedWatermark } from "@picket/proto/generated/picket/v1/sensor.js";
import type { AppliedFloor } from "../../sensors/batch-account.js";

/** A floor as a `picket.v1.AppliedWatermark`. */
export function encodeAppliedFloor({ epoch, floorSequence, timeMs }: AppliedFloor): Uint8Array {
  return AppliedWatermark.encode({
    epoch: Buffer.from(epoch, "hex"),
    floorSequence: BigInt(floorSequence),
    timeUs: BigInt(Math.round(timeMs * 1000)),
  }).finish();
}
