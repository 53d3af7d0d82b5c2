import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";

import { appliedBatchOf } from "@picket/correlator/flows/batch-context.js";
import type { FlowDelivery } from "@picket/correlator/flows/flow-source.js";
import { encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { batchBytesMax } from "@picket/proto/batch/flow-columns.js";

import { copiedDelivery } from "./copied-delivery.js";
import type { FlowLog } from "./flow-log.js";
import type { LocalEngine } from "./local-engine.js";

const roundMs = 100;
/** Batches that may wait for the correlator; beyond it a batch is lost, and said to be. */
const waitingBatchesMax = 2000;
const errorEveryMs = 10_000;

/** Drives the correlator in this process: batches in, slices closed, ten rounds a second. */
export class EmbeddedCorrelator {
  readonly counters = { batchesReceived: 0, flowsReceived: 0, batchesLost: 0, roundsFailed: 0 };
  private readonly epoch = randomBytes(16);
  private readonly sequences = new Map<string, number>();
  private readonly scratch = new Uint8Array(batchBytesMax);
  private readonly stopping = new AbortController();
  private waiting: FlowDelivery[] = [];
  private loop: Promise<void> = Promise.resolve();
  private lastErrorMs = 0;

  constructor(
    private readonly engine: LocalEngine,
    private readonly flowLog: FlowLog | undefined,
    private readonly onError: (message: string) => void,
  ) {}

  /** Takes a copy of a sensor's batch. */
  offer(sensor: string, columns: FlowColumns): void {
    if (this.waiting.length >= waitingBatchesMax) {
      this.counters.batchesLost++;
      this.engine.recordLost(sensor, columns.length, "correlator_full", Date.now());
      return;
    }
    const sequence = (this.sequences.get(sensor) ?? 0) + 1;
    this.sequences.set(sensor, sequence);
    const delivery = copiedDelivery(columns, { sensor, epoch: this.epoch, sequence }, Date.now());
    this.counters.batchesReceived++;
    this.counters.flowsReceived += columns.length;
    this.waiting.push(delivery);
    this.flowLog?.append(sensor, delivery.ingestMs, encodeFlowBatch(delivery.columns, this.scratch));
  }

  start(): void {
    this.loop = this.run();
  }

  /** Applies what waits, closes what can be closed, and ends. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
    await this.round();
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      await this.round();
      await wait(roundMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  /** The watermark is now, less the allowed lateness: nothing waits for an acknowledgement here. */
  private async round(): Promise<void> {
    const nowMs = Date.now();
    const deliveries = this.waiting;
    this.waiting = [];
    try {
      const { policy } = await this.engine.policy.get();
      if (deliveries.length > 0) await this.apply(deliveries, nowMs);
      await this.engine.correlator.tick(nowMs - policy.incident.allowedLatenessSeconds * 1000, nowMs);
    } catch (error) {
      this.counters.roundsFailed++;
      if (nowMs - this.lastErrorMs < errorEveryMs) return;
      this.lastErrorMs = nowMs;
      this.onError(error instanceof Error ? error.message : String(error));
    }
  }

  private async apply(deliveries: readonly FlowDelivery[], nowMs: number): Promise<void> {
    await this.engine.correlator.applyDeliveries(deliveries, nowMs);
    await this.engine.sensors.recordApplied(deliveries.map(appliedBatchOf));
  }
}
