import type { Readable } from "node:stream";
import { decodeMeteredBatch } from "@picket/sensor/capture/live-batch.js";
import { FrameReader, FrameType } from "@picket/sensor/capture/live-frames.js";
import type { SensorCounters } from "@picket/sensor/capture/live-settings.js";

/** What the meter writes on descriptor 3. */
export class MeterOutput {
  isRunning = false;
  counters: SensorCounters = {};

  /** `onBatch` gets an encoded batch, valid during the call. */
  constructor(
    output: Readable,
    private readonly onBatch: (bytes: Uint8Array) => void = () => {},
    private readonly onCounters: (counters: SensorCounters) => void = () => {},
  ) {
    const reader = new FrameReader((type, payload) => this.#take(type, payload));
    output.on("data", (chunk: Buffer) => reader.push(chunk));
  }

  #take(type: number, payload: Uint8Array): void {
    if (type === FrameType.failure) throw new Error(Buffer.from(payload).toString());
    if (type === FrameType.batch) this.onBatch(decodeMeteredBatch(payload).bytes);
    if (type === FrameType.state) this.isRunning = true;
    if (type !== FrameType.counters) return;
    this.counters = JSON.parse(Buffer.from(payload).toString()) as SensorCounters;
    this.onCounters(this.counters);
  }
}
