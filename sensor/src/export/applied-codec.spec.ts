import { AppliedWatermark } from "@picket/proto/generated/picket/v1/sensor.js";
import { describe, expect, it } from "vitest";
import { decodeApplied } from "./applied-codec.js";

function encoded(epochBytes: number, floorSequence: bigint): Uint8Array {
  return AppliedWatermark.encode({ epoch: Buffer.alloc(epochBytes, 7), floorSequence, timeUs: 1n }).finish();
}

describe("an applied watermark", () => {
  it("names an epoch and its floor", () => {
    expect(decodeApplied(encoded(16, 12n))).toEqual({
      epoch: new Uint8Array(16).fill(7),
      floorSequence: 12,
    });
  });

  it("of another shape is none", () => {
    expect(decodeApplied(encoded(15, 12n))).toBeUndefined();
    expect(decodeApplied(encoded(16, 2n ** 60n))).toBeUndefined();
    expect(decodeApplied(Uint8Array.of(0x0a, 0xff))).toBeUndefined();
    expect(decodeApplied(new Uint8Array())).toBeUndefined();
  });
});
