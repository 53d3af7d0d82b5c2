/** An epoch of a sensor: one run of its process, in which batches are numbered from 1. */
export interface SensorEpoch {
  readonly sensor: string;
  /** 32 hex digits. */
  readonly epoch: string;
}

/** A batch whose effect is durable. It counts once, however often it is reported. */
export interface AppliedBatch extends SensorEpoch {
  readonly sequence: number;
  readonly records: number;
  /** When the stream stored it, milliseconds. */
  readonly ingestMs: number;
}

/** What a sensor says it could not deliver; times are milliseconds. Equal ones count once. */
export interface SensorGap {
  /** 32 hex digits. */
  readonly epoch: string;
  /** Batches concerned; 0 when they have no number or it is unknown. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly records: number;
  readonly packets: number;
  readonly bytes: number;
  /** "spool_full", "crash" and alike. */
  readonly reason: string;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface ReportedGap extends SensorGap {
  readonly sensor: string;
}

/** A message of a sensor that could not be used. */
export interface RejectedBatch {
  readonly sensor: string;
  readonly reason: string;
  /** Tells it from every other one, so that it counts once. */
  readonly identity: string;
}

/** Up to where an epoch's batches were applied or said to be lost, none missing. */
export interface AppliedFloor extends SensorEpoch {
  readonly floorSequence: number;
  /** When that was looked at, milliseconds. */
  readonly timeMs: number;
}

/** Reasons whose sequences say which batches will never come. */
const coveringReasons: readonly string[] = ["spool_full", "refused", "corrupt"];

/** True when the batches from the gap's first to its last sequence are not waited for any more. */
export function coversSequences(gap: SensorGap): boolean {
  return (
    coveringReasons.includes(gap.reason) && gap.firstSequence > 0 && gap.lastSequence >= gap.firstSequence
  );
}

/** What tells a gap record from every other one of its sensor. Many have no sequences, so that times belong to it. */
export function gapIdentity(gap: SensorGap): string {
  const { epoch, firstSequence, lastSequence, reason, fromMs, toMs, records, packets, bytes } = gap;
  return [epoch, firstSequence, lastSequence, reason, fromMs, toMs, records, packets, bytes].join(":");
}
