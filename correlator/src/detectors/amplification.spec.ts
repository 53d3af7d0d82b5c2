import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { amplification } from "./amplification.js";
import { permuted, runDetector, runStartMs, type RunFlow } from "./testing/fact-run.js";

/** Unasked answers of so many reflectors to one host. */
function answers(
  reflectors: number,
  sourcePort: number,
  bytes = 1400,
  details: Partial<RunFlow> = {},
): RunFlow[] {
  return Array.from({ length: reflectors }, (_, index) => ({
    source: `198.18.${index >> 8}.${index & 255}`,
    destination: "10.0.0.1",
    sourcePort,
    port: 40_000 + index,
    protocol: 17,
    timeMs: runStartMs + index * 20,
    outcome: Outcome.ignored,
    forwardBytes: bytes,
    ...details,
  }));
}

describe("amplification", () => {
  it.each([
    [49, 0],
    [50, 1],
    [51, 1],
  ])("by %i reflectors gives %i findings", async (reflectors, findings) => {
    expect(await runDetector(amplification, answers(reflectors, 11_211))).toHaveLength(findings);
  });

  it("names the target, the service and who was used", async () => {
    const [finding] = await runDetector(amplification, answers(400, 161));
    expect(finding).toMatchObject({
      kind: "amplification",
      primaryKey: "10.0.0.1",
      severity: "high",
      targets: ["10.0.0.1"],
      ports: ["udp/161"],
      sourceCount: 400,
    });
    expect(finding.confidence).toBeGreaterThan(0.7);
  });

  it("adds up reflectors of several services", async () => {
    const flows = [
      ...answers(20, 123, 468),
      ...answers(20, 389, 2900, { source: "198.19.0.1" }),
      ...answers(40, 1900, 320).map((flow, index) => ({ ...flow, source: `203.0.113.${index}` })),
    ];
    expect(await runDetector(amplification, flows)).toMatchObject([
      { ports: ["udp/123", "udp/1900", "udp/389"] },
    ]);
  });

  it("is the same in any order, twice, from two sensors, and when the target says port unreachable", async () => {
    const flows = answers(120, 19);
    const [once] = await runDetector(amplification, flows);
    const unreachable = permuted([...flows, ...flows]).map((flow) => ({
      ...flow,
      outcome: Outcome.unreachable,
    }));
    const [again] = await runDetector(amplification, unreachable, { sensorsOf: () => [1, 2] });
    expect({ ...again, evidence: [] }).toEqual({ ...once, evidence: [] });
    expect(again.evidence.map(({ contactCount }) => contactCount)).toEqual([120, 120]);
  });

  it("counts reflectors over the edge of a minute", async () => {
    const flows = answers(80, 17).map((flow, index) => ({
      ...flow,
      timeMs: runStartMs + 59_000 + index * 25,
    }));
    expect(await runDetector(amplification, flows)).toHaveLength(1);
  });

  it("leaves a resolver alone whose questions this view does not see", async () => {
    expect(await runDetector(amplification, answers(300, 53, 180))).toEqual([]);
    expect(await runDetector(amplification, answers(300, 53, 1400))).toHaveLength(1);
  });

  it("leaves answers to a group address, servers between themselves and ordinary answers alone", async () => {
    const inside = (flow: RunFlow, index: number): RunFlow => ({ ...flow, source: `10.0.1.${index}` });
    const devices = answers(200, 1900, 320).map(inside);
    const phones = answers(200, 5060, 500, { port: 5060 });
    const answered = answers(200, 123, 468, { outcome: Outcome.answered });
    const ordinary = answers(200, 33_000);
    for (const flows of [devices, phones, answered, ordinary])
      expect(await runDetector(amplification, flows)).toEqual([]);
  });
});
