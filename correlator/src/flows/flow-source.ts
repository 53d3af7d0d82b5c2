import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";

/** A batch as it arrived. Valid until it is acknowledged or rejected. */
export interface FlowDelivery {
  /** Taken from the authenticated subject. */
  readonly sensor: string;
  readonly columns: FlowColumns;
  /** When the stream stored it, milliseconds. */
  readonly ingestMs: number;
  /** The sensor's clock when it was published, milliseconds; 0 unknown. */
  readonly sentMs: number;
  /** How often it was delivered, from 1; absent where nothing is delivered again. */
  readonly deliveryCount?: number;
  /** Its effect is durable. */
  acknowledge(): void;
  /** Keep it for later: nothing of it was applied. */
  retry(): void;
  /** Set it aside for good: it cannot be applied. Absent where there is no place for that. */
  reject?(reason: string): void;
}

export interface FlowSourceCounters {
  batchesReceived: number;
  flowsReceived: number;
  /** Set aside in the REJECTED stream, by reason. */
  batchesRejected: Record<string, number>;
  /** Of those, what the REJECTED stream could not take. */
  rejectedNotKept: number;
}

/**
 * Batches of flow records from a shared durable log. Invalid batches are set
 * aside by the source itself and counted, never delivered.
 */
export interface FlowSource {
  readonly counters: FlowSourceCounters;
  /**
   * Hands deliveries over in groups until stopped, in order, at most two at a
   * time: the next one comes when a promise resolves, so a slow consumer is its
   * own back-pressure.
   */
  run(onDeliveries: (deliveries: readonly FlowDelivery[]) => Promise<void>): Promise<void>;
  /**
   * Ingest time, milliseconds, up to which every stored batch was acknowledged
   * by some correlator (`nowMs`, when nothing is pending).
   */
  acknowledgedUntilMs(): Promise<number>;
  /**
   * Milliseconds on the clock that gives ingest times, never ahead of it; 0 as
   * long as it is unknown. This machine's clock has no part in it.
   */
  nowMs(): number;
  stop(): Promise<void>;
}
