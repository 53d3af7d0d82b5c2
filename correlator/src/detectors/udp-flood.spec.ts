import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { permuted, runDetector, runStartMs, type RunFlow } from "./testing/fact-run.js";
import { udpFlood } from "./udp-flood.js";

/** One flow per datagram, so many a second for some seconds, from sources that are all different. */
function flood(perSecond: number, seconds: number, details: Partial<RunFlow> = {}): RunFlow[] {
  return Array.from({ length: perSecond * seconds }, (_, index) => ({
    source: `198.18.${(index >> 8) & 255}.${index & 255}`,
    destination: "10.0.0.1",
    port: 27_005,
    protocol: 17,
    sourcePort: 1025 + ((index * 7) % 60_000) + 8,
    timeMs: runStartMs + 2000 + Math.floor((index * 1000) / perSecond),
    outcome: Outcome.ignored,
    ...details,
  }));
}

describe("a UDP flood of many small flows", () => {
  it("names the target of spoofed datagrams", async () => {
    const [finding] = await runDetector(udpFlood, flood(900, 5));
    expect(finding).toMatchObject({
      kind: "udp_flood",
      primaryKey: "10.0.0.1",
      severity: "high",
      targets: ["10.0.0.1"],
      ports: ["udp/27005"],
    });
    expect(finding.sourceCount).toBeGreaterThan(1000);
    expect(finding.confidence).toBeGreaterThanOrEqual(0.65);
  });

  it.each([
    [420, false],
    [600, true],
  ])("%i flows a second around the limit of 500: %s", async (rate, isFlood) => {
    expect((await runDetector(udpFlood, flood(rate, 6))).length > 0).toBe(isFlood);
  });

  it("is the same in any order, twice and from two sensors", async () => {
    const flows = flood(700, 5);
    const [once] = await runDetector(udpFlood, flows);
    const [again] = await runDetector(udpFlood, permuted([...flows, ...flows]), { sensorsOf: () => [1, 2] });
    expect({ ...again, evidence: [] }).toEqual({ ...once, evidence: [] });
    expect(again.evidence).toHaveLength(2);
  });

  it("finds spoofed echo requests, though they are answered", async () => {
    const flows = flood(900, 5, { protocol: 1, port: 8 << 8, sourcePort: 0, outcome: Outcome.answered });
    expect(await runDetector(udpFlood, flows)).toMatchObject([{ kind: "udp_flood", ports: ["icmp/8"] }]);
  });

  it("needs more than a port scan sends", async () => {
    const scan = flood(900, 5).map((flow, index) => ({ ...flow, source: "10.0.0.9", port: 1 + index }));
    expect(await runDetector(udpFlood, scan)).toEqual([]);
  });

  it("does not call inside clients that lost their resolver a flood", async () => {
    const clients = flood(900, 5, { port: 53 }).map((flow, index) => ({
      ...flow,
      source: `10.0.2.${index % 200}`,
    }));
    expect(await runDetector(udpFlood, clients)).toEqual([]);
  });

  it("does not count answered questions, reflected answers or broadcasts", async () => {
    const resolver = flood(2000, 5, { port: 53, outcome: Outcome.answered });
    const reflected = flood(900, 5, { sourcePort: 161 });
    const broadcast = flood(900, 5, { destination: "255.255.255.255" });
    for (const flows of [resolver, reflected, broadcast])
      expect(await runDetector(udpFlood, flows)).toEqual([]);
  });

  it("needs twice what the minute before had", async () => {
    const usual = flood(450, 60).map((flow) => ({ ...flow, timeMs: flow.timeMs - 2000 }));
    const more = flood(700, 6).map((flow) => ({ ...flow, timeMs: flow.timeMs + 60_000 }));
    expect(await runDetector(udpFlood, [...usual, ...more])).toEqual([]);
    expect((await runDetector(udpFlood, more)).length).toBeGreaterThan(0);
  });
});
