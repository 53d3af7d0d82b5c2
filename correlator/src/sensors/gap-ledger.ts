import type { ReportedGap } from "./batch-account.js";

/**
 * Gap records of the last days, shared by all correlators: who receives one
 * writes it down, who groups incidents reads it. Bounded; the oldest go first.
 */
export interface GapLedger {
  /** Writing the same gap again changes nothing. */
  record(gaps: readonly ReportedGap[]): Promise<void>;
  /**
   * Gaps written after a position ("" is the oldest kept), oldest first, with
   * the position after the last. One may come twice.
   */
  read(position: string): Promise<{ gaps: ReportedGap[]; position: string }>;
}
