import { AppliedWatermark as WireWatermark } from "@picket/proto/generated/picket/v1/sensor.js";

/** What the correlators have applied of one epoch: every batch up to `floorSequence`. */
export interface AppliedWatermark {
  /** 16 bytes. */
  readonly epoch: Uint8Array;
  readonly floorSequence: number;
}

/** The watermark in the bytes of a `picket.v1.AppliedWatermark`; undefined when they are none. */
export function decodeApplied(bytes: Uint8Array): AppliedWatermark | undefined {
  try {
    const { epoch, floorSequence } = WireWatermark.decode(bytes);
    const floor = Number(floorSequence);
    if (epoch.length !== 16 || !Number.isSafeInteger(floor)) return undefined;
    return { epoch: Uint8Array.from(epoch), floorSequence: floor };
  } catch {
    return undefined;
  }
}
