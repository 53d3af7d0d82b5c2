import type { FlowTotals } from "../export/gap.js";
import { GapSum } from "../export/gap.js";
import { encodeFrame, encodeJsonFrame, FrameType } from "./live-frames.js";
import { encodeMeteredBatch } from "./live-batch.js";

/** Writes bytes at once and returns how many were taken; 0 when the pipe is full. */
export type PipeWrite = (bytes: Uint8Array) => number;

const noEpoch = new Uint8Array(16);

/**
 * The meter's side of the pipe. It writes by itself whenever it is called and
 * never waits for the event loop, which a flood can hold up for long. What does
 * not fit waits in memory; above `bytesMax` whole batches are dropped, and what
 * was in them is sent as soon as there is room.
 */
export class FramePipe {
  batchesDropped = 0;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  readonly #dropped = new GapSum("pipe_full");

  constructor(
    private readonly write: PipeWrite,
    private readonly bytesMax: number,
  ) {}

  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.#dropped.isEmpty;
  }

  /** An encoded batch and what is in it; `bytes` may be used again after the call. */
  sendBatch(bytes: Uint8Array, totals: FlowTotals): void {
    this.flush();
    if (this.#queuedBytes + bytes.length <= this.bytesMax)
      return this.#send(encodeMeteredBatch(bytes, totals));
    this.batchesDropped++;
    this.#dropped.addBatch(noEpoch, 0, totals);
  }

  /** A small message, sent whatever waits. */
  sendJson(type: FrameType, value: unknown): void {
    this.#send(encodeJsonFrame(type, value));
  }

  /** Writes what the pipe takes now. */
  flush(): void {
    this.#writeQueue();
    if (this.#dropped.isEmpty || this.#queuedBytes > this.bytesMax / 2) return;
    this.#send(encodeFrame(FrameType.loss, Buffer.from(JSON.stringify(this.#takeLoss()))));
  }

  #takeLoss(): FlowTotals | undefined {
    const gap = this.#dropped.take();
    if (gap === undefined) return undefined;
    const { records, packets, bytes, fromUs, toUs } = gap;
    return { records, packets, bytes, fromUs, toUs };
  }

  #send(frame: Uint8Array): void {
    this.#queue.push(frame);
    this.#queuedBytes += frame.length;
    this.#writeQueue();
  }

  #writeQueue(): void {
    let sent = 0;
    while (sent < this.#queue.length) {
      const frame = this.#queue[sent];
      const written = this.write(frame);
      this.#queuedBytes -= written;
      if (written < frame.length) {
        this.#queue[sent] = frame.subarray(written);
        break;
      }
      sent++;
    }
    if (sent > 0) this.#queue.splice(0, sent);
  }
}
