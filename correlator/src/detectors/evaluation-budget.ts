import type { HotWindow } from "../windows/window-store.js";

/** Units a second, and at most at once: about a twentieth of a core for crowds, and a tenth for all else. */
const perSecond = { crowds: 400, others: 1000 } as const;
/** What a window costs at least, in units of about a tenth of a millisecond. */
const leastCost: Readonly<Record<HotWindow["kind"], number>> = {
  source: 1,
  crowd: 1,
  facts: 0.25,
  starts: 0.05,
};
/** Sources of crowds read for one unit. */
const sourcesPerUnit = 16;

/**
 * What the evaluation of open slices may cost: bound to time, not to flows, so
 * that a backlog is applied rather than evaluated. Crowds, which whoever forges
 * sources makes by the ten thousand, have an allowance of their own.
 */
export class EvaluationBudget {
  private readonly crowds = new Allowance(perSecond.crowds);
  private readonly others = new Allowance(perSecond.others);

  refill(nowMs: number): void {
    this.crowds.refill(nowMs);
    this.others.refill(nowMs);
  }

  allows(kind: HotWindow["kind"]): boolean {
    return this.of(kind).units > 0;
  }

  spend(kind: HotWindow["kind"]): void {
    this.of(kind).units -= leastCost[kind];
  }

  /** @param sources of crowds that were read, known once they are */
  spendOnCrowds(sources: number): void {
    this.crowds.units -= sources / sourcesPerUnit;
  }

  private of(kind: HotWindow["kind"]): Allowance {
    return kind === "crowd" ? this.crowds : this.others;
  }
}

class Allowance {
  /** Below 0 when the last window cost more than was left. */
  units: number;
  private filledMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly perSecond: number) {
    this.units = perSecond;
  }

  refill(nowMs: number): void {
    if (nowMs <= this.filledMs) return;
    const units = this.units + ((nowMs - this.filledMs) * this.perSecond) / 1000;
    this.units = Math.min(this.perSecond, units);
    this.filledMs = nowMs;
  }
}
