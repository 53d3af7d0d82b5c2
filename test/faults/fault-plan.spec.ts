import { describe, expect, it } from "vitest";
import { makeFaultPlan, networkFaultKinds, parseFaultPlan, processFaultKinds } from "./fault-plan.js";
import type { FaultPlan, PlannedFault } from "./fault-plan.js";
import { runFaultPlan } from "./fault-scheduler.js";

const settings = {
  seed: 7,
  durationMs: 600_000,
  everyMs: 5000,
  targets: { nats: processFaultKinds, link: networkFaultKinds },
};

describe("a plan of faults", () => {
  it("is the same for the same seed and another for another", () => {
    expect(makeFaultPlan(settings)).toEqual(makeFaultPlan(settings));
    expect(makeFaultPlan({ ...settings, seed: 8 }).faults).not.toEqual(makeFaultPlan(settings).faults);
  });

  it("names every kind of every target, without overlap and with quiet at the end", () => {
    const { faults, durationMs } = makeFaultPlan(settings);
    expect(new Set(faults.map(({ kind }) => kind)).size).toBe(
      processFaultKinds.length + networkFaultKinds.length,
    );
    for (const [index, fault] of faults.entries()) {
      const nextMs = faults[index + 1]?.atMs ?? durationMs * 0.9;
      expect(fault.atMs + fault.durationMs).toBeLessThanOrEqual(nextMs);
    }
  });

  it("comes back from its JSON text, which is checked", () => {
    const plan = makeFaultPlan(settings);
    expect(parseFaultPlan(JSON.stringify(plan))).toEqual(plan);
    const wrong = { durationMs: 10, faults: [{ atMs: 1, durationMs: 1, target: "nats", kind: "melt" }] };
    expect(() => parseFaultPlan(JSON.stringify(wrong))).toThrow(/kind/);
  });
});

describe("a run of a plan", () => {
  const plan: FaultPlan = {
    seed: 0,
    durationMs: 120,
    faults: [
      { atMs: 20, durationMs: 20, target: "a", kind: "kill", amount: 0 },
      { atMs: 60, durationMs: 0, target: "b", kind: "reset", amount: 0 },
    ],
  };

  /** A target that keeps what happened to it. */
  function recorder(events: string[]): { apply(fault: PlannedFault): Promise<() => Promise<void>> } {
    return {
      apply: ({ target, kind }) => {
        events.push(`${target} ${kind}`);
        return Promise.resolve(() => {
          events.push(`${target} healed`);
          return Promise.resolve();
        });
      },
    };
  }

  it("begins and ends each fault in order", async () => {
    const events: string[] = [];
    const targets = { a: recorder(events), b: recorder(events) };
    const run = await runFaultPlan(plan, targets, new AbortController().signal);
    expect(events).toEqual(["a kill", "a healed", "b reset", "b healed"]);
    expect(run.counts).toEqual({ kill: 1, reset: 1 });
  });

  it("that is stopped ends the fault it is in and begins no other", async () => {
    const events: string[] = [];
    const abort = new AbortController();
    await runFaultPlan(plan, { a: recorder(events), b: recorder(events) }, abort.signal, () => abort.abort());
    expect(events).toEqual(["a kill", "a healed"]);
  });

  it("names a target that it does not have", async () => {
    await expect(runFaultPlan(plan, {}, new AbortController().signal)).rejects.toThrow(/names a,/);
  });
});
