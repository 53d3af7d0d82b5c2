import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { FlowEndReason, Outcome, RecordKind } from "@picket/proto/batch/flow-columns.js";
import { SeededRandom } from "./seeded-random.js";

/** What traffic a fleet reports. */
export interface FleetTraffic {
  readonly seed: number;
  readonly sensors: number;
  /** Share of flows that are a failed first contact nobody made before, 0 to 1. */
  readonly failedShare: number;
  readonly recordsPerBatch: number;
  /** Event time of the first flow, milliseconds, and flows a second of the whole fleet. */
  readonly startMs: number;
  readonly flowsPerSecond: number;
  /**
   * Event time one batch covers, milliseconds, which the batches of all sensors
   * share; default: what its records take at the fleet's rate, one batch after the other.
   */
  readonly batchSpanMs?: number;
}

const hostsPerSensor = 1;
/** Services an ordinary host uses: its own few out of the fleet's. */
const peersPerHost = 12;
const servers = 200;
/** None at which many short answers would be guesses of a password. */
const ports = [443, 443, 443, 443, 80, 53, 53, 53, 8443, 8080];
/** Half of the failed contacts come from sources that come back. */
const recurringSources = 20_000;
const insideBase = 0x0a00_0000;
const outsideBase = 0xc600_0000;

/**
 * Batches of a fleet: every sensor watches its own host, whose flows go to the
 * few services it always uses; a share of the flows are failed first contacts,
 * half of them from recurring outside sources, half from new ones.
 */
export class FleetFlows {
  private readonly random: SeededRandom;
  private readonly builder: FlowBatchBuilder;
  private readonly sequences: Uint32Array;
  private readonly stepMs: number;
  private sensor = 0;
  private batches = 0;
  private nowMs: number;

  constructor(private readonly traffic: FleetTraffic) {
    this.random = new SeededRandom(traffic.seed);
    this.builder = new FlowBatchBuilder(traffic.recordsPerBatch);
    this.sequences = new Uint32Array(traffic.sensors);
    this.nowMs = traffic.startMs;
    const { batchSpanMs, flowsPerSecond, recordsPerBatch } = traffic;
    this.stepMs = batchSpanMs === undefined ? 1000 / flowsPerSecond : batchSpanMs / recordsPerBatch;
  }

  /** The next batch, in a builder that is reused; sensors take turns. */
  next(): { readonly sensor: string; readonly builder: FlowBatchBuilder } {
    const { traffic, builder } = this;
    this.sensor = (this.sensor + 1) % traffic.sensors;
    builder.reset();
    const { batchSpanMs } = traffic;
    if (batchSpanMs !== undefined)
      this.nowMs = traffic.startMs + Math.floor(this.batches / traffic.sensors) * batchSpanMs;
    this.batches++;
    for (let record = 0; record < traffic.recordsPerBatch; record++) this.append();
    builder.columns.epoch.fill(1);
    builder.columns.sequence = ++this.sequences[this.sensor];
    return { sensor: `host-${this.sensor}`, builder };
  }

  private append(): void {
    this.nowMs += this.stepMs;
    if (this.random.chance(this.traffic.failedShare)) this.appendFailed();
    else this.appendAnswered();
  }

  private appendAnswered(): void {
    const host = this.sensor * hostsPerSensor;
    const peer = (host * 31 + this.random.below(peersPerHost) * 17) % servers;
    const row = this.row(insideBase + 0x1_0000 + host, insideBase + 1 + peer);
    this.fill(row, ports[peer % ports.length], Outcome.answered, 40);
  }

  private appendFailed(): void {
    const isRecurring = this.random.chance(0.5);
    const source =
      outsideBase +
      (isRecurring ? this.random.below(recurringSources) * 251 : this.random.below(0x00ff_ffff));
    const row = this.row(source, insideBase + 0x1_0000 + this.sensor * hostsPerSensor);
    this.fill(
      row,
      1 + this.random.below(65_535),
      this.random.chance(0.5) ? Outcome.refused : Outcome.ignored,
      0,
    );
  }

  private row(source: number, destination: number): number {
    const row = this.builder.append(0, 0, 0xffff, source >>> 0, 0, 0, 0xffff, destination >>> 0);
    if (row < 0) throw new Error("the batch has no room for the fleet's flows");
    return row;
  }

  private fill(row: number, port: number, outcome: Outcome, durationMs: number): void {
    const { columns } = this.builder;
    columns.sourcePort[row] = this.random.between(32_768, 60_999);
    columns.destinationPort[row] = port;
    columns.protocol[row] = port === 53 ? 17 : 6;
    columns.outcome[row] = outcome;
    columns.endReason[row] = FlowEndReason.endDetected;
    columns.recordKind[row] = RecordKind.only;
    columns.stealthKind[row] = 0;
    columns.oneSided[row] = 0;
    columns.upgrade[row] = 0;
    columns.forwardTcpFlags[row] = outcome === Outcome.answered ? 0x1b : 0x02;
    columns.reverseTcpFlags[row] =
      outcome === Outcome.answered ? 0x1b : outcome === Outcome.refused ? 0x14 : 0;
    columns.startUs[row] = Math.floor(this.nowMs * 1000);
    columns.endUs[row] = columns.startUs[row] + durationMs * 1000;
    columns.forwardPackets[row] = durationMs > 0 ? 6 : 1;
    columns.reversePackets[row] = durationMs > 0 ? 5 : outcome === Outcome.refused ? 1 : 0;
    columns.forwardBytes[row] = durationMs > 0 ? 640 : 60;
    columns.reverseBytes[row] = durationMs > 0 ? 4200 : columns.reversePackets[row] * 40;
  }
}
