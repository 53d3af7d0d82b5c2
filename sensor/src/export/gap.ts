/** Why records never reached the stream. */
export const gapReasons = ["spool_full", "pipe_full", "crash", "refused", "corrupt"] as const;
export type GapReason = (typeof gapReasons)[number];

/** Numbers of flow records, and of the packets and layer-3 bytes in them. */
export interface FlowTotals {
  readonly records: number;
  readonly packets: number;
  readonly bytes: number;
  /** First start and last end of the records, microseconds since the Unix epoch. */
  readonly fromUs: number;
  readonly toUs: number;
}

/** What could not be delivered; 0 records after a crash or corruption: unknown. */
export interface Gap extends FlowTotals {
  /** 16 bytes. */
  readonly epoch: Uint8Array;
  /** Sequences of the batches concerned; 0 when they have none or it is unknown. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly reason: GapReason;
}

/** Adds up what one gap has to say. */
export class GapSum {
  #gap: Gap | undefined;

  constructor(private readonly reason: GapReason) {}

  get isEmpty(): boolean {
    return this.#gap === undefined;
  }

  /** A batch of `epoch` that is lost. */
  addBatch(epoch: Uint8Array, sequence: number, totals: FlowTotals): void {
    this.addGap({ ...totals, epoch, firstSequence: sequence, lastSequence: sequence, reason: this.reason });
  }

  /** Another gap of the same epoch and reason. */
  addGap(other: Gap): void {
    const gap = this.#gap;
    this.#gap =
      gap === undefined
        ? other
        : {
            epoch: gap.epoch,
            reason: gap.reason,
            firstSequence: lowest(gap.firstSequence, other.firstSequence),
            lastSequence: Math.max(gap.lastSequence, other.lastSequence),
            records: gap.records + other.records,
            packets: gap.packets + other.packets,
            bytes: gap.bytes + other.bytes,
            fromUs: lowest(gap.fromUs, other.fromUs),
            toUs: Math.max(gap.toUs, other.toUs),
          };
  }

  /** The sum so far, and starts anew. */
  take(): Gap | undefined {
    const gap = this.#gap;
    this.#gap = undefined;
    return gap;
  }
}

/** 0 means unknown. */
function lowest(a: number, b: number): number {
  if (a === 0 || b === 0) return Math.max(a, b);
  return Math.min(a, b);
}
