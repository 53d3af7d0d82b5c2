import { describe, expect, it } from "vitest";
import { decodeMeteredBatch } from "./live-batch.js";
import { FrameReader, FrameType } from "./live-frames.js";
import { FramePipe } from "./live-pipe.js";

/** A pipe that takes `room` bytes until more room is made. */
class NarrowPipe {
  room = 0;
  readonly frames: { type: number; payload: Uint8Array }[] = [];
  readonly #reader = new FrameReader((type, payload) =>
    this.frames.push({ type, payload: Uint8Array.from(payload) }),
  );

  readonly write = (bytes: Uint8Array): number => {
    const taken = Math.min(this.room, bytes.length);
    this.#reader.push(bytes.subarray(0, taken));
    this.room -= taken;
    return taken;
  };
}

const totals = (records: number) => ({
  records,
  packets: records * 2,
  bytes: records * 100,
  fromUs: 5,
  toUs: 9,
});

describe("frame pipe", () => {
  it("keeps order and content when the pipe takes a few bytes at a time", () => {
    const pipe = new NarrowPipe();
    const frames = new FramePipe(pipe.write, 1 << 20);
    for (let i = 1; i <= 5; i++) frames.sendBatch(new Uint8Array(50).fill(i), totals(i));
    while (!frames.isEmpty) {
      pipe.room = 7;
      frames.flush();
    }
    const batches = pipe.frames.map((frame) => decodeMeteredBatch(frame.payload));
    expect(batches.map((batch) => [batch.bytes[0], batch.bytes.length, batch.totals])).toEqual(
      [1, 2, 3, 4, 5].map((i) => [i, 50, totals(i)]),
    );
  });

  it("drops whole batches above its limit and says exactly what was in them", () => {
    const pipe = new NarrowPipe();
    const frames = new FramePipe(pipe.write, 1000);
    for (let i = 0; i < 100; i++) frames.sendBatch(new Uint8Array(100), totals(3));
    pipe.room = 1e6;
    frames.flush();
    frames.sendBatch(new Uint8Array(100), totals(3));
    const batches = pipe.frames.filter((frame) => frame.type === FrameType.batch);
    const losses = pipe.frames
      .filter((frame) => frame.type === FrameType.loss)
      .map(
        (frame) => JSON.parse(Buffer.from(frame.payload).toString()) as { records: number; packets: number },
      );
    expect(batches.length + frames.batchesDropped).toBe(101);
    expect(losses).toHaveLength(1);
    expect([losses[0].records, losses[0].packets]).toEqual([
      3 * frames.batchesDropped,
      6 * frames.batchesDropped,
    ]);
    expect(frames.isEmpty).toBe(true);
  });
});
