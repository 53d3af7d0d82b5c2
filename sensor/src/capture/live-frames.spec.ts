import { describe, expect, it } from "vitest";
import { encodeFrame, encodeJsonFrame, frameBytesMax, FrameReader, FrameType } from "./live-frames.js";

function readAll(stream: Buffer, chunkBytes: number): { type: number; text: string }[] {
  const frames: { type: number; text: string }[] = [];
  const reader = new FrameReader((type, payload) =>
    frames.push({ type, text: Buffer.from(payload).toString() }),
  );
  for (let at = 0; at < stream.length; at += chunkBytes) reader.push(stream.subarray(at, at + chunkBytes));
  return frames;
}

describe("live frames", () => {
  const stream = Buffer.concat([
    encodeFrame(FrameType.batch, Buffer.from("first")),
    encodeFrame(FrameType.batch, Buffer.alloc(0)),
    encodeJsonFrame(FrameType.counters, { packets: 3 }),
  ]);

  it("arrive whole however the pipe cuts them", () => {
    for (let chunkBytes = 1; chunkBytes <= stream.length; chunkBytes++) {
      expect(readAll(stream, chunkBytes)).toEqual([
        { type: FrameType.batch, text: "first" },
        { type: FrameType.batch, text: "" },
        { type: FrameType.counters, text: '{"packets":3}' },
      ]);
    }
  });

  it("of no length or an absurd one end the stream", () => {
    for (const length of [0, frameBytesMax + 1, 0xffffffff]) {
      const bytes = Buffer.alloc(5);
      bytes.writeUInt32LE(length, 0);
      expect(() => readAll(bytes, 5)).toThrow(/frame of/);
    }
  });
});
