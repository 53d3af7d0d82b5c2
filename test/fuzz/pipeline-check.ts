import { PacketBlock } from "@picket/sensor/capture/packet-source.js";
import { SensorPipeline } from "@picket/sensor/pipeline.js";
import type { SeededRandom } from "../scenarios/seeded-random.js";
import { BatchCheck } from "./batch-check.js";
import { CheckedView, checkedBytes } from "./checked-memory.js";
import { frameBytesMax } from "./frame-corpus.js";
import type { MutatedFrame } from "./frame-mutator.js";

const framesPerBlock = 64;
/** Every so many frames one is metered in memory that checks each read. */
const framesPerCheckedRead = 50;
/** A pipeline of its own for every so many: tables of all sizes fill, empty and overflow. */
const framesPerRound = 100_000;
const tableSizes = [4096, 65_536, 256, 16, 1024];
const startUs = 1_700_000_000_000_000;
/** Bytes between the frames of a block, which must not be read. */
const gapBytes = 16;
const usPerFrameMax = 1000;
/** Garbage, compilation and a machine busy with other work slow some of the 1,563 blocks of a round. */
const slowBlocksMax = 32;
/** Reading the processor's clock is slow. */
const blocksPerClockRead = 4;

/** One pipeline, the frames it was given, and what came out. */
class Round {
  readonly batches = new BatchCheck();
  readonly pipeline: SensorPipeline;
  private frames = 0;
  private bytes = 0;

  constructor(tableFlowsMax: number) {
    this.pipeline = new SensorPipeline({ tableFlowsMax }, (columns) => this.batches.check(columns));
  }

  /** Runs a block and returns how long it took. */
  run(block: PacketBlock): number {
    this.frames += block.count;
    for (let index = 0; index < block.count; index++) this.bytes += block.wireLength[index];
    const start = performance.now();
    this.pipeline.onBlock(block);
    return (performance.now() - start) * 1000;
  }

  /** Ends the pipeline; what does not add up, undefined when all does. */
  finish(): string | undefined {
    this.pipeline.finish();
    const { batches } = this;
    const { counters } = this.pipeline;
    if (batches.failure !== undefined) return batches.failure;
    const sums: [string, number, number][] = [
      ["frames", this.frames, counters["packets_received"]],
      ["bytes on the wire", this.bytes, counters["bytes_received"]],
      ["packets of flows and of records", counters["metering_packets"], batches.packets],
      ["bytes of flows and of records", counters["metering_bytes"], batches.bytes],
      ["flows opened and closed", counters["metering_flows_opened"], counters["metering_flows_closed"]],
      ["flows left", counters["metering_flows_live"], 0],
    ];
    const wrong = sums.find(([, expected, actual]) => expected !== actual);
    return wrong === undefined ? undefined : `${wrong[0]}: ${wrong[1]} and ${wrong[2]}`;
  }
}

/** Meters frames in whole pipelines, some in checked memory, and adds up what comes out. */
export class PipelineCheck {
  /** Slowest block, by frame. */
  slowestUs = 0;
  /** Counters of all pipelines together. */
  readonly totals = new Map<string, number>();
  private readonly block = new PacketBlock(framesPerBlock);
  private readonly checkedBlock = new PacketBlock(1);
  private readonly checkedView: CheckedView;
  private round = new Round(tableSizes[0]);
  private checkedRound = new Round(tableSizes[0]);
  private rounds = 0;
  private frames = 0;
  private position = 0;
  private timeUs = startUs;
  /** Of the frame at hand: earlier when it is out of order. */
  private frameUs = startUs;
  private blocks = 0;
  private slowBlocks = 0;
  private clock = process.cpuUsage();

  constructor(private readonly random: SeededRandom) {
    this.block.bytes = new Uint8Array(framesPerBlock * (frameBytesMax + gapBytes));
    this.block.view = new DataView(this.block.bytes.buffer);
    this.checkedView = new CheckedView(new ArrayBuffer(frameBytesMax + 2 * gapBytes));
    this.checkedBlock.view = this.checkedView;
  }

  /** Meters one frame, soon; one line that says what is wrong. Throws what the pipeline throws. */
  check(frame: MutatedFrame): string | undefined {
    this.moveTime();
    if (this.frames % framesPerCheckedRead === 0) this.runChecked(frame);
    this.place(frame);
    this.frames++;
    if (this.block.count === framesPerBlock) this.run();
    return this.frames % framesPerRound === 0 ? this.finish() : undefined;
  }

  /** Ends the pipelines at hand and begins new ones. */
  finish(): string | undefined {
    this.run();
    const wrong = this.round.finish() ?? this.checkedRound.finish() ?? this.slowness();
    for (const [name, value] of Object.entries(this.round.pipeline.counters)) {
      this.totals.set(name, (this.totals.get(name) ?? 0) + value);
    }
    this.slowBlocks = 0;
    const tableFlowsMax = tableSizes[++this.rounds % tableSizes.length];
    this.round = new Round(tableFlowsMax);
    this.checkedRound = new Round(tableFlowsMax);
    return wrong;
  }

  private slowness(): string | undefined {
    return this.slowBlocks > slowBlocksMax
      ? `${this.slowestUs} us a frame, ${this.slowBlocks} times`
      : undefined;
  }

  /** Mostly a little forward; now and then a long silence, or a clock set back. */
  private moveTime(): void {
    const kind = this.random.below(50_000);
    if (kind === 0) this.jump(startUs);
    else if (kind < 20) this.jump(this.timeUs + this.random.below(40_000_000));
    else this.timeUs += this.random.below(300);
    this.frameUs = this.random.chance(0.02) ? this.timeUs - this.random.below(100_000) : this.timeUs;
  }

  /** All flows that a silence ends, end by the clock: no frame takes as long. */
  private jump(timeUs: number): void {
    this.run();
    this.timeUs = timeUs;
    this.round.pipeline.advance(timeUs);
    this.checkedRound.pipeline.advance(timeUs);
  }

  private place(frame: MutatedFrame): void {
    const { block } = this;
    block.bytes.set(frame.bytes.subarray(0, frame.length), this.position);
    this.describe(block, frame, this.position);
    this.position += frame.length;
    block.bytes.fill(this.frames & 1 ? 0xff : 0, this.position, this.position + gapBytes);
    this.position += gapBytes;
  }

  private describe(block: PacketBlock, frame: MutatedFrame, offset: number): void {
    const index = block.count++;
    block.offset[index] = offset;
    block.capturedLength[index] = frame.length;
    block.wireLength[index] = frame.length;
    block.timeUs[index] = this.frameUs;
    block.linkType[index] = frame.linkType;
  }

  private run(): void {
    const { block } = this;
    if (block.count > 0) this.noteTime(this.round.run(block));
    block.count = 0;
    this.position = 0;
  }

  /** A block took no longer than the processor worked meanwhile: the rest was a pause of the process. */
  private noteTime(blockUs: number): void {
    const us = blockUs / framesPerBlock;
    if (us > Math.min(usPerFrameMax, Math.max(this.slowestUs, usPerFrameMax / 10))) {
      const workedUs = this.workedUs(blockUs) / framesPerBlock;
      this.slowestUs = Math.max(this.slowestUs, workedUs);
      if (workedUs > usPerFrameMax) this.slowBlocks++;
    }
    if (++this.blocks % blocksPerClockRead === 0) this.clock = process.cpuUsage();
  }

  private workedUs(blockUs: number): number {
    const { user, system } = process.cpuUsage(this.clock);
    return Math.min(blockUs, user + system);
  }

  /** Throws RangeError at the first read outside the frame; plain packets need the same flow again. */
  private runChecked(frame: MutatedFrame): void {
    const { checkedBlock, checkedView } = this;
    const end = gapBytes + frame.length;
    new Uint8Array(checkedView.buffer).set(frame.bytes.subarray(0, frame.length), gapBytes);
    checkedView.allow(gapBytes, end);
    checkedBlock.bytes = checkedBytes(new Uint8Array(checkedView.buffer), gapBytes, end);
    for (let time = 0; time < 2; time++) {
      checkedBlock.count = 0;
      this.describe(checkedBlock, frame, gapBytes);
      this.checkedRound.run(checkedBlock);
    }
  }
}
