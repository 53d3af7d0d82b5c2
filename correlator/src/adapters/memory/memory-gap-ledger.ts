import { gapIdentity, type ReportedGap } from "../../sensors/batch-account.js";
import type { GapLedger } from "../../sensors/gap-ledger.js";

/** Gaps of this process; the oldest go when there are too many. */
export class MemoryGapLedger implements GapLedger {
  private readonly gaps = new Map<string, ReportedGap>();
  /** How many were taken out at the front. */
  private forgotten = 0;

  constructor(private readonly gapsMax = 20_000) {}

  record(gaps: readonly ReportedGap[]): Promise<void> {
    for (const gap of gaps) this.add(gap);
    return Promise.resolve();
  }

  read(position: string): Promise<{ gaps: ReportedGap[]; position: string }> {
    const from = Math.max(0, Number(position) - this.forgotten);
    const gaps = [...this.gaps.values()].slice(from);
    return Promise.resolve({ gaps, position: String(this.forgotten + this.gaps.size) });
  }

  private add(gap: ReportedGap): void {
    const identity = `${gap.sensor}:${gapIdentity(gap)}`;
    if (this.gaps.has(identity)) return;
    this.gaps.set(identity, gap);
    const oldest = this.gaps.keys().next().value;
    if (this.gaps.size <= this.gapsMax || oldest === undefined) return;
    this.gaps.delete(oldest);
    this.forgotten++;
  }
}
