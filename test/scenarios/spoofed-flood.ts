import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { batchBytesMax, FlowEndReason, Outcome, RecordKind } from "@picket/proto/batch/flow-columns.js";
import { SeededRandom } from "./seeded-random.js";

/** SYNs that nobody answers, each from a source of its own. */
export interface SpoofedFlood {
  readonly seed: number;
  /** Hosts that are hit in turn; each is watched by a sensor of its own. */
  readonly targets: number;
}

/** 64.0.0.0 and the 2^29 addresses after it, in an order without pattern. */
const sourceBase = 0x4000_0000;
const sourceMask = 0x1fff_ffff;
const sourceStep = 0x0bad_cafd & sourceMask;
const targetBase = 0x0a14_0001;
const scannerAddress = 0xcb00_7109;
/** The one source that is really there. */
export const scanner = "203.0.113.9";
/** Of a busy server, whose SYN cookies leave the handshakes half open. */
const openPort = 443;

/** Encoded batches of a flood with spoofed sources, and of a scan that hides in it. */
export class SpoofedBatches {
  private readonly random: SeededRandom;
  private readonly builder = new FlowBatchBuilder();
  private readonly scratch = new Uint8Array(batchBytesMax);
  private readonly epoch: Uint8Array;
  private readonly sequences: number[];
  private made = 0;
  private turn = 0;

  constructor(private readonly flood: SpoofedFlood) {
    this.random = new SeededRandom(flood.seed);
    this.epoch = Uint8Array.from({ length: 16 }, () => this.random.below(256));
    this.sequences = Array.from({ length: flood.targets }, () => 0);
  }

  /** Sources of all batches so far. */
  get sources(): number {
    return this.made;
  }

  /** SYNs of `records` new sources to the next target, over `spanMs` from `fromMs`. */
  next(records: number, fromMs: number, spanMs: number): { sensor: string; bytes: Uint8Array } {
    const target = this.turn++ % this.flood.targets;
    this.builder.reset();
    for (let record = 0; record < records; record++) {
      const source = sourceBase + (Math.imul(this.made++, sourceStep) & sourceMask);
      const isOpen = this.random.chance(0.5);
      const port = isOpen ? openPort : this.random.between(1, 65_535);
      const atMs = fromMs + (record * spanMs) / records;
      this.append(source, target, port, isOpen ? Outcome.halfOpen : Outcome.ignored, atMs);
    }
    return this.take(target);
  }

  /** The scanner's SYNs to `ports` ports of the first target, one every 100 ms. */
  scan(ports: number, fromMs: number): { sensor: string; bytes: Uint8Array } {
    this.builder.reset();
    for (let probe = 0; probe < ports; probe++)
      this.append(scannerAddress, 0, 1000 + probe * 7, Outcome.refused, fromMs + probe * 100);
    return this.take(0);
  }

  private append(source: number, target: number, port: number, outcome: Outcome, atMs: number): void {
    const row = this.builder.append(0, 0, 0xffff, source, 0, 0, 0xffff, targetBase + target);
    if (row < 0) throw new Error("the batch has no room for the flood");
    const { columns } = this.builder;
    columns.sourcePort[row] = this.random.between(1024, 65_535);
    columns.destinationPort[row] = port;
    columns.protocol[row] = 6;
    columns.outcome[row] = outcome;
    columns.endReason[row] = FlowEndReason.endDetected;
    columns.recordKind[row] = RecordKind.only;
    columns.forwardTcpFlags[row] = 0x02;
    columns.reverseTcpFlags[row] =
      outcome === Outcome.halfOpen ? 0x12 : outcome === Outcome.refused ? 0x14 : 0;
    columns.startUs[row] = Math.floor(atMs * 1000);
    columns.endUs[row] = columns.startUs[row];
    columns.forwardPackets[row] = 1;
    columns.forwardBytes[row] = 60;
    columns.reversePackets[row] = outcome === Outcome.ignored ? 0 : 1;
    columns.reverseBytes[row] = outcome === Outcome.ignored ? 0 : 44;
  }

  private take(target: number): { sensor: string; bytes: Uint8Array } {
    const { columns } = this.builder;
    columns.epoch.set(this.epoch);
    columns.sequence = ++this.sequences[target];
    return {
      sensor: `host-${String(target).padStart(2, "0")}`,
      bytes: encodeFlowBatch(columns, this.scratch).slice(),
    };
  }
}
