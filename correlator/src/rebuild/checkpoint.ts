/** What a checkpoint brought back. */
export interface RestoredCheckpoint {
  /** Every flow up to this sequence of the stream is contained. */
  readonly sequence: number;
  /** When it was taken, milliseconds. */
  readonly takenMs: number;
}

/** Checkpoints of the slow state, in a durable log. */
export interface CheckpointStore {
  /**
   * Merges the latest complete checkpoint into the windows; undefined when there
   * is none, or only of another layout or another stream of flows.
   * @param log identity of the stream of flows
   */
  restoreLatest(log: string, signal: AbortSignal): Promise<RestoredCheckpoint | undefined>;
}
