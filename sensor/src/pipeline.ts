import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { type FlowColumns, Outcome } from "@picket/proto/batch/flow-columns.js";
import type { PacketBlock } from "./capture/packet-source.js";
import { decodeFrame } from "./decode/decode-frame.js";
import { DecodedPacket, DecodeResult, decodeResultNames } from "./decode/decoded-packet.js";
import { FlowMeter } from "./metering/flow-meter.js";
import type { FlowRecordSink } from "./metering/flow-record-sink.js";
import { type MeteringSettings, meteringDefaults } from "./metering/metering-settings.js";

/** Settings of a pipeline; what is left out has its default. */
export interface SensorPipelineSettings extends Partial<MeteringSettings> {
  /** How long a failed contact waits for its batch. */
  readonly failedFlushUs?: number;
  /** How long any other record waits for its batch. */
  readonly flushUs?: number;
}

/**
 * From packets to flow batches: decode, count, meter, flush. A pure function of
 * the packets and the times it is given. `onBatch` receives columns without
 * epoch and sequence that are reused after the call.
 */
export class SensorPipeline {
  private readonly packet = new DecodedPacket();
  private readonly decodeCounts = new Float64Array(decodeResultNames.length);
  private readonly batch: BatchSink;
  private readonly meter: FlowMeter;
  private bytes = 0;

  constructor(settings: SensorPipelineSettings, onBatch: (columns: FlowColumns) => void) {
    const metering = { ...meteringDefaults, ...settings };
    this.batch = new BatchSink(
      onBatch,
      () => this.meter.nowUs,
      settings.failedFlushUs ?? 200_000,
      settings.flushUs ?? 2_000_000,
      metering.seed,
    );
    this.meter = new FlowMeter(metering, this.batch);
  }

  /** Runs a block of packets; their times drive every timer. */
  onBlock(block: PacketBlock): void {
    const { packet, decodeCounts, meter, batch } = this;
    const { bytes, view, offset, capturedLength, wireLength, linkType, timeUs, count } = block;
    for (let i = 0; i < count; i++) {
      const result = decodeFrame(bytes, view, offset[i], capturedLength[i], linkType[i], packet);
      decodeCounts[result]++;
      this.bytes += wireLength[i];
      if (result !== DecodeResult.flow) continue;
      meter.process(packet, timeUs[i]);
      if (meter.nowUs >= batch.dueUs || meter.nowUs < batch.openedUs) batch.flush();
    }
  }

  /** Moves time while no packets come (live capture only). */
  advance(nowUs: number): void {
    this.meter.advance(nowUs);
    if (nowUs >= this.batch.dueUs || nowUs < this.batch.openedUs) this.batch.flush();
  }

  /** Hands over the records at hand: what is still open began at most the hold time before the last packet. */
  flush(): void {
    this.batch.flush();
  }

  /**
   * Reports and flushes everything. A live capture passes the time it stopped;
   * at the end of a file contacts that still wait count as ignored.
   */
  finish(endUs?: number): void {
    this.meter.finish(endUs);
    this.batch.flush();
  }

  /** Every counter by its name, as the sensor's status shows it. A snapshot. */
  get counters(): Record<string, number> {
    const counters: Record<string, number> = { packets_received: 0, bytes_received: this.bytes };
    for (const [result, name] of decodeResultNames.entries()) {
      counters.packets_received += this.decodeCounts[result];
      counters[`packets_${name}`] = this.decodeCounts[result];
    }
    for (const [name, value] of Object.entries(this.meter.counters))
      counters[`metering_${snakeCase(name)}`] = value;
    counters.metering_flows_live = this.meter.flowsLive;
    counters.batches = this.batch.batches;
    return counters;
  }
}

/** Gathers records to batches and knows when the one at hand is due. */
class BatchSink implements FlowRecordSink {
  /** When the batch at hand must be flushed; infinity when it is empty. */
  dueUs = Number.POSITIVE_INFINITY;
  /** Time of its first record: an earlier time means that the clock was set back. */
  openedUs = Number.NEGATIVE_INFINITY;
  batches = 0;
  readonly columns: FlowColumns;
  private readonly builder: FlowBatchBuilder;

  constructor(
    private readonly onBatch: (columns: FlowColumns) => void,
    private readonly now: () => number,
    private readonly failedFlushUs: number,
    private readonly flushUs: number,
    seed: number,
  ) {
    this.builder = new FlowBatchBuilder(undefined, { seed });
    this.columns = this.builder.columns;
  }

  append(
    s0: number,
    s1: number,
    s2: number,
    s3: number,
    d0: number,
    d1: number,
    d2: number,
    d3: number,
  ): number {
    const row = this.builder.append(s0, s1, s2, s3, d0, d1, d2, d3);
    if (row !== -1) return row;
    this.flush();
    return this.builder.append(s0, s1, s2, s3, d0, d1, d2, d3);
  }

  filled(row: number): void {
    const outcome = this.columns.outcome[row];
    const isFailed = outcome !== Outcome.unknown && outcome !== Outcome.answered;
    const nowUs = this.now();
    const dueUs = nowUs + (isFailed ? this.failedFlushUs : this.flushUs);
    if (this.builder.length === 1) this.openedUs = nowUs;
    if (dueUs < this.dueUs) this.dueUs = dueUs;
  }

  flush(): void {
    this.dueUs = Number.POSITIVE_INFINITY;
    this.openedUs = Number.NEGATIVE_INFINITY;
    if (this.builder.length === 0) return;
    this.batches++;
    this.onBatch(this.columns);
    this.builder.reset();
  }
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
