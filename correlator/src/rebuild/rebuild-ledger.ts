/**
 * How far the windows are rebuilt after the store lost them. "recent": the last
 * minutes of flows are replayed, nothing is grouped yet; "serving": that takes
 * long, so that what is found meanwhile is served; "history": the slow state follows, what is found is served but nothing is confirmed or retracted;
 * "late": that took too long, so confirming goes on while the rest follows.
 */
export const rebuildPhases = ["lost", "recent", "serving", "history", "late", "ready"] as const;
export type RebuildPhase = (typeof rebuildPhases)[number];

/** Whether slices may be closed in this phase. */
export function mayConfirm(phase: RebuildPhase): boolean {
  return phase === "ready" || phase === "late";
}

/** What a correlator asks before it decides anything by what is absent from the windows. */
export interface RebuildGate {
  /** As of now, from the store itself: "lost" when it holds nothing of ours. */
  phase(): Promise<RebuildPhase>;
}

/** What the store says of the windows in it. */
export interface RebuildState {
  /** Random name of this life of the windows; another one after each loss. */
  readonly generation: string;
  readonly phase: Exclude<RebuildPhase, "lost">;
  /** Share of the phase that is done, 0 to 1. */
  readonly progress: number;
  /** When the rebuild began, milliseconds. */
  readonly startedMs: number;
  /** Identity of the stream of flows that `floor` counts in. */
  readonly log: string;
  /** Sequence of the stream up to which the windows hold the effect of every batch. */
  readonly floor: number;
}

/**
 * The windows' own account of what is in them, kept beside them so that it is
 * lost when they are, and older when they are older. A store written by another
 * version of the windows' layout counts as empty.
 */
export interface RebuildLedger extends RebuildGate {
  /** Changes when the store may be older than it was, after every reconnection. */
  readonly epoch: number;
  /** Undefined when any part of the windows was lost. */
  read(): Promise<RebuildState | undefined>;
  /** Starts a new life of the windows, in which no slice is closed. */
  begin(state: RebuildState): Promise<void>;
  /** Notes progress; false when the windows were lost since `begin`. */
  advance(generation: string, change: Partial<Omit<RebuildState, "generation">>): Promise<boolean>;
  /**
   * Slices may be closed from here on, those that end after `closedUntilMs` once
   * more; false when the windows were lost since `begin`.
   */
  openSlices(generation: string, closedUntilMs: number): Promise<boolean>;
}
