import type { BurstState } from "./burst-groups.js";
import type { DraftState } from "./incident-draft.js";

/** One incident of the fold, with the indexes that lead to it. */
export interface FoldedIncident {
  readonly draft: DraftState;
  /** Kind family and primary key under which findings find it. */
  readonly keys: readonly string[];
  /** Sources whose own findings join it. */
  readonly claims: readonly string[];
}

/**
 * The confirmed findings of all closed slices folded into incidents: what the
 * grouping goes on from, whoever runs it, so that every finding is folded once
 * and in its place.
 */
export interface Fold {
  /** Slices up to here are folded as far as the board had them, milliseconds; Infinity is none after. */
  readonly foldedUntilMs: number;
  /** Place on the board up to which findings of those slices are in it. */
  readonly position: string;
  readonly bursts: BurstState;
  readonly incidents: readonly FoldedIncident[];
}

/** What a fold added to the one before it. */
export interface FoldChange extends Fold {
  /** True when it holds everything. */
  readonly isWhole: boolean;
  /** Ids of incidents that are forgotten. */
  readonly removed: readonly string[];
}
