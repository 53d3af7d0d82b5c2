import { Outcome, StealthKind } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { defaultPolicy } from "../policy/policy.js";
import { floodRun, synFloodRate } from "./syn-flood-rate.js";
import { permuted, runDetector, runStartMs, type RunFlow } from "./testing/fact-run.js";

const limit = defaultPolicy.burst.synFloodPerSecondMin;

/** Connections of one source to one service, so many a second, none completed. */
function flood(perSecond: number, seconds: number, details: Partial<RunFlow> = {}): RunFlow[] {
  return Array.from({ length: perSecond * seconds }, (_, index) => ({
    source: "10.0.0.66",
    destination: "10.0.0.1",
    port: 80,
    sourcePort: 1024 + (index % 64_000),
    timeMs: runStartMs + 20_000 + Math.floor((index * 1000) / perSecond),
    outcome: Outcome.halfOpen,
    ...details,
  }));
}

describe("the fold over seconds", () => {
  const run = (counts: readonly number[], completed: readonly number[] = []) =>
    floodRun(
      Float64Array.from(counts),
      Float64Array.from(counts.map((_, second) => completed[second] ?? 0)),
      limit,
      0,
    );

  it.each([
    [limit - 1, false],
    [limit, true],
    [limit + 1, true],
  ])("at %i a second for three seconds: flood %s", (rate, isFlood) => {
    expect(run([0, rate, rate, rate, 0]) !== undefined).toBe(isFlood);
  });

  it("needs three seconds, or as much at once as thirty", () => {
    expect(run([0, limit * 4, limit * 4, 0])).toBeUndefined();
    expect(run([0, limit * 30, 0])).toMatchObject({ from: 1, to: 1, flows: limit * 30 });
  });

  it("is not alarmed by what a busy service always leaves open", () => {
    const busy = Array.from({ length: 10 }, () => 1000);
    expect(
      run(
        busy.map(() => 150),
        busy,
      ),
    ).toBeUndefined();
    expect(run([...busy.map(() => 0), 2500, 2500, 2500], busy)).toMatchObject({ from: 10, to: 12 });
  });
});

describe("a SYN flood by its rate", () => {
  it("finds one source that leaves thousands of connections half open", async () => {
    const [finding] = await runDetector(synFloodRate, flood(400, 8));
    expect(finding).toMatchObject({
      kind: "syn_flood",
      primaryKey: "10.0.0.1 tcp/80",
      severity: "medium",
      sources: ["10.0.0.66"],
      targets: ["10.0.0.1"],
      ports: ["tcp/80"],
    });
    expect(finding.confidence).toBeGreaterThan(0.6);
    expect(finding.contactCount).toBeGreaterThan(2500);
    expect(finding.contactCount).toBeLessThan(4000);
  });

  it("is one of packets that belong to no connection as well", async () => {
    const acknowledgements = { outcome: Outcome.refused, stealthKind: StealthKind.ack };
    expect(await runDetector(synFloodRate, flood(limit * 8, 8, acknowledgements))).toHaveLength(1);
    expect(await runDetector(synFloodRate, flood(limit * 4, 8, acknowledgements))).toHaveLength(0);
  });

  it("is high when the source is outside, or there are several", async () => {
    const [outside] = await runDetector(synFloodRate, flood(400, 8, { source: "198.51.100.7" }));
    expect(outside.severity).toBe("high");
    const several = flood(400, 8).map((flow, index) => ({ ...flow, source: `198.51.100.${index % 4}` }));
    expect((await runDetector(synFloodRate, several))[0]).toMatchObject({ severity: "high", sourceCount: 4 });
  });

  it("is the same in any order, twice and from two sensors", async () => {
    const flows = flood(300, 6);
    const [once] = await runDetector(synFloodRate, flows);
    const again = await runDetector(synFloodRate, permuted([...flows, ...flows]), {
      sensorsOf: (index) => (index % 3 === 0 ? [1, 2] : [2]),
    });
    expect(again.map(({ evidence, ...rest }) => ({ ...rest, sensors: evidence.length }))[0]).toEqual({
      ...once,
      evidence: undefined,
      sensors: 2,
    });
  });

  it("counts one flood over the edge of a slice", async () => {
    const flows = flood(200, 4).map((flow) => ({ ...flow, timeMs: flow.timeMs + 8000 }));
    expect((await runDetector(synFloodRate, flows)).length).toBeGreaterThan(0);
  });

  it("needs five times as many that are refused", async () => {
    expect(await runDetector(synFloodRate, flood(300, 6, { outcome: Outcome.refused }))).toEqual([]);
    expect(await runDetector(synFloodRate, flood(1000, 6, { outcome: Outcome.refused }))).toHaveLength(1);
  });

  it("leaves scans, retries and load that is served alone", async () => {
    const vertical = flood(500, 6).map((flow, index) => ({ ...flow, port: 1 + (index % 3000) }));
    const sweep = flood(500, 6).map((flow, index) => ({
      ...flow,
      destination: `10.1.${index >> 8}.${index & 255}`,
    }));
    const retries = flood(20, 60, { outcome: Outcome.ignored });
    const served = flood(800, 6, { outcome: Outcome.answered });
    for (const flows of [vertical, sweep, retries, served])
      expect(await runDetector(synFloodRate, flows)).toEqual([]);
  });
});
