import { describe, expect, it } from "vitest";
import { EvaluationBudget } from "./evaluation-budget.js";

function spendAll(budget: EvaluationBudget, kind: "source" | "crowd"): number {
  let count = 0;
  for (; budget.allows(kind); count++) budget.spend(kind);
  return count;
}

describe("EvaluationBudget", () => {
  it("allows so much a second, however much there is to do", () => {
    const budget = new EvaluationBudget();
    budget.refill(0);
    expect(spendAll(budget, "source")).toBe(1000);
    budget.refill(100);
    expect(spendAll(budget, "source")).toBe(100);
    budget.refill(60_000);
    expect(spendAll(budget, "source")).toBe(1000);
    expect(spendAll(budget, "crowd")).toBe(400);
  });

  it("takes what large crowds cost from the crowds that come later, and from nothing else", () => {
    const budget = new EvaluationBudget();
    budget.refill(0);
    budget.spendOnCrowds(16 * 600);
    expect([budget.allows("crowd"), budget.allows("source"), budget.allows("starts")]).toEqual([
      false,
      true,
      true,
    ]);
    budget.refill(500);
    expect(budget.allows("crowd")).toBe(false);
    budget.refill(501);
    expect(budget.allows("crowd")).toBe(true);
  });
});
