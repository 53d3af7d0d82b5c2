import { describe, expect, it } from "vitest";
import { kindsLeftOut, planAttacks } from "./attack-plan.js";
import { attackKinds } from "./fleet-attacks.js";

const startMs = 1_790_000_000_000;
const settings = { seed: 3, hosts: 50, startMs, runMs: 60_000, quietMs: 5000 };
const everything = attackKinds.map(({ name }) => name);

describe("the attacks of a run", () => {
  it("are the same for the same seed", () => {
    expect(planAttacks(settings)).toEqual(planAttacks(settings));
    expect(planAttacks({ ...settings, seed: 4 })[0].startMs).not.toBe(planAttacks(settings)[0].startMs);
  });

  it("lie within the run and are decided within themselves", () => {
    for (const { flows, kind, decidedMs } of planAttacks({ ...settings, names: everything })) {
      expect(flows.length, kind.name).toBeGreaterThan(0);
      const starts = flows.map(({ flow }) => flow.startMs);
      expect(Math.min(...starts), kind.name).toBeGreaterThanOrEqual(startMs + settings.quietMs);
      expect(Math.max(...starts), kind.name).toBeLessThan(startMs + settings.runMs);
      expect(decidedMs, kind.name).toBeGreaterThan(starts[0]);
      expect(decidedMs, kind.name).toBeLessThanOrEqual(startMs + settings.runMs + 60_000);
    }
  });

  it("share no outside source, and each flow has a sensor", () => {
    const plans = planAttacks({ ...settings, names: everything, repeat: 3 });
    const owners = new Map<string, number>();
    for (const { sources, number, flows } of plans) {
      for (const source of sources) {
        if (source.startsWith("10.")) continue;
        expect(owners.get(source) ?? number).toBe(number);
        owners.set(source, number);
      }
      expect(flows.every(({ from, to }) => from !== undefined || to !== undefined)).toBe(true);
    }
  });

  it("are by default those that suit the fleet", () => {
    const names = (hosts: number): string[] =>
      planAttacks({ ...settings, hosts }).map(({ kind }) => kind.name);
    expect(names(50)).toContain("cross-host-burst");
    expect(names(1000)).not.toContain("cross-host-burst");
    expect(names(1000)).toContain("mining");
    expect(kindsLeftOut(1000)).toEqual(["cross-host-burst"]);
  });

  it("are refused by a name that is unknown", () => {
    expect(() => planAttacks({ ...settings, names: ["no-such"] })).toThrow(/vertical-scan/);
  });
});
