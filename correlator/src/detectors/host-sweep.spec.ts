import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { hostSweep } from "./host-sweep.js";
import { permuted, runDetector, runStartMs, type RunFlow } from "./testing/fact-run.js";

const echo = 8 << 8;

/** Pings of as many hosts, of which every `silentEvery`th is silent. */
function pings(count: number, gapMs = 100, silentEvery = 2): RunFlow[] {
  return Array.from({ length: count }, (_, index) => ({
    source: "10.0.0.7",
    destination: `10.0.${1 + (index >> 8)}.${index & 255}`,
    port: echo,
    protocol: 1,
    timeMs: runStartMs + index * gapMs,
    outcome: index % silentEvery === 0 ? Outcome.ignored : Outcome.answered,
  }));
}

async function find(flows: readonly RunFlow[]): Promise<string[]> {
  const findings = await runDetector(hostSweep, flows);
  return findings.map(
    ({ severity, confidence, targetCount }) => `${severity} ${confidence.toFixed(2)} ${targetCount}`,
  );
}

describe("a sweep by ICMP echo", () => {
  it.each([
    [14, []],
    [15, ["low 0.60 15"]],
    [16, ["low 0.61 16"]],
    [30, ["medium 0.70 30"]],
  ])("of %i hosts of which half answer", async (count, expected) => {
    expect(await find(pings(count))).toEqual(expected);
  });

  it.each([
    [44, []],
    [45, ["medium 0.60 45"]],
  ])("of %i hosts, one each 13 seconds", async (count, expected) => {
    expect(await find(pings(count, 13_000))).toEqual(expected);
  });

  it("is low and uncertain where nearly all answer", async () => {
    expect(await find(pings(20, 100, 10))).toEqual(["low 0.44 20"]);
  });

  it("is one over IPv6 too", async () => {
    const flows = pings(20).map((flow, index) => ({
      ...flow,
      source: "fd00::7",
      destination: `fd00::1:${index}`,
      port: 128 << 8,
      protocol: 58,
    }));
    expect(await find(flows)).toEqual(["low 0.64 20"]);
  });

  it("is the same out of order, repeated, and seen by two sensors", async () => {
    const flows = pings(20);
    const [expected] = await runDetector(hostSweep, flows);
    expect(await runDetector(hostSweep, permuted([...flows, ...flows]))).toEqual([expected]);
    const [spread] = await runDetector(hostSweep, flows, { sensorsOf: (index) => [1 + (index % 2)] });
    expect({ ...spread, evidence: [] }).toEqual({ ...expected, evidence: [] });
  });
});

describe("no sweep", () => {
  it("is a poller that pings the same hosts each minute", async () => {
    const rounds = Array.from({ length: 30 }, (_, round) =>
      pings(50, 100, 100).map((flow) => ({ ...flow, timeMs: flow.timeMs + round * 60_000 })),
    );
    expect(await find(rounds.flat())).toEqual([]);
  });

  it("is one host that is pinged all day, or a group", async () => {
    const flows = pings(50).map((flow, index) => ({
      ...flow,
      destination: index % 2 === 0 ? "10.0.1.1" : `239.0.0.${index}`,
    }));
    expect(await find(flows)).toEqual([]);
  });

  it("is what answers an echo, or another ICMP", async () => {
    expect(await find(pings(50).map((flow) => ({ ...flow, port: 0 })))).toEqual([]);
    expect(await find(pings(50).map((flow) => ({ ...flow, outcome: Outcome.unknown })))).toEqual([]);
  });
});
