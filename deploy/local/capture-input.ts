import { CaptureFile } from "@picket/sensor/capture/capture-file.js";
import { PacketBlock } from "@picket/sensor/capture/packet-source.js";
import type { SensorPipelineSettings } from "@picket/sensor/pipeline.js";
import { SensorPipeline } from "@picket/sensor/pipeline.js";

import type { FlowInput, InputCounters, InputFile, OnBatch } from "./flow-input.js";

/** A record's header in a pcap file. */
const recordHeaderBytes = 16;

/** A capture file metered as a sensor would: only packet time moves its timers. */
export class CaptureInput implements FlowInput {
  readonly sensor: string;
  readonly path: string;
  private readonly block = new PacketBlock();
  private readonly pipeline: SensorPipeline;
  private readUntilUs = 0;
  private hasEnded = false;
  bytesRead = 0;

  private constructor(
    input: InputFile,
    private readonly file: CaptureFile,
    settings: SensorPipelineSettings,
    onBatch: OnBatch,
  ) {
    this.sensor = input.sensor;
    this.path = input.path;
    this.pipeline = new SensorPipeline(settings, (columns) => onBatch(this, columns));
  }

  /** Throws PicketError FILE_UNREADABLE or CAPTURE_FORMAT, one line that names the file. */
  static async open(
    input: InputFile,
    settings: SensorPipelineSettings,
    onBatch: OnBatch,
  ): Promise<CaptureInput> {
    return new CaptureInput(input, await CaptureFile.open(input.path), settings, onBatch);
  }

  get timeUs(): number {
    return this.hasEnded ? Infinity : this.readUntilUs;
  }

  get settledUs(): number {
    return this.timeUs;
  }

  get damage(): string | undefined {
    return this.file.truncatedReason;
  }

  async next(): Promise<boolean> {
    if (this.hasEnded) return false;
    const { block } = this;
    if (await this.file.next(block)) {
      this.pipeline.onBlock(block);
      // What a quiet file's last packet brought to an end may have begun hours before it.
      this.pipeline.flush();
      const last = block.count - 1;
      if (block.timeUs[last] > this.readUntilUs) this.readUntilUs = block.timeUs[last];
      this.bytesRead += block.offset[last] + block.capturedLength[last] - block.offset[0] + recordHeaderBytes;
      return true;
    }
    this.pipeline.finish();
    this.hasEnded = true;
    return false;
  }

  counters(): InputCounters {
    const { packetsReceived, recordsCorrupt } = this.file.counters;
    return { ...this.pipeline.counters, packets_received: packetsReceived, records_corrupt: recordsCorrupt };
  }

  async close(): Promise<void> {
    await this.file.stop();
  }
}
