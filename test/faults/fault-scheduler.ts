import { setTimeout as delay } from "node:timers/promises";
import type { FaultPlan, PlannedFault } from "./fault-plan.js";

/** Something faults happen to. */
export interface FaultTarget {
  /** Begins a fault; what it resolves to ends it again. Throws for a kind it cannot suffer. */
  apply(fault: PlannedFault): Promise<() => Promise<void>>;
}

/** What a run of a plan did. */
export interface FaultRun {
  /** Faults that were begun, by kind. */
  readonly counts: Readonly<Record<string, number>>;
  /** Latest start behind its time in the plan, milliseconds. */
  readonly lateMsMax: number;
}

/**
 * Lets the faults of a plan happen at their times and ends each after its
 * duration. Resolves when the plan is over or `signal` aborts, with every fault
 * ended.
 * @param onFault told of each fault as it begins
 */
export async function runFaultPlan(
  plan: FaultPlan,
  targets: Readonly<Record<string, FaultTarget>>,
  signal: AbortSignal,
  onFault: (fault: PlannedFault) => void = () => {},
): Promise<FaultRun> {
  const startMs = performance.now();
  const counts: Record<string, number> = {};
  let lateMsMax = 0;
  for (const fault of plan.faults) {
    await until(startMs + fault.atMs, signal);
    if (signal.aborted) break;
    const target = targets[fault.target];
    if (target === undefined)
      throw new Error(`the plan names ${fault.target}, which is no target of this run`);
    lateMsMax = Math.max(lateMsMax, performance.now() - startMs - fault.atMs);
    onFault(fault);
    counts[fault.kind] = (counts[fault.kind] ?? 0) + 1;
    const end = await target.apply(fault);
    await until(startMs + fault.atMs + fault.durationMs, signal);
    await end();
  }
  await until(startMs + plan.durationMs, signal);
  return { counts, lateMsMax };
}

async function until(timeMs: number, signal: AbortSignal): Promise<void> {
  const waitMs = timeMs - performance.now();
  if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => {});
}
