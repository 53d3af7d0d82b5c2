import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { protocolScan } from "./protocol-scan.js";
import { permuted, runDetector, runStartMs, type RunFlow } from "./testing/fact-run.js";

/** One packet each of so many protocols from 200 on. */
function tries(protocols: number, more: Partial<RunFlow> = {}, gapMs = 1000): RunFlow[] {
  return Array.from({ length: protocols }, (_, index) => ({
    source: "203.0.113.9",
    destination: "10.0.0.5",
    port: 0,
    sourcePort: 0,
    protocol: 200 + index,
    outcome: Outcome.ignored,
    timeMs: runStartMs + index * gapMs,
    ...more,
  }));
}

describe("an IP protocol scan", () => {
  it.each([
    [7, []],
    [8, [8]],
    [9, [9]],
  ])("of %i protocols", async (count, expected) => {
    const findings = await runDetector(protocolScan, tries(count));
    expect(findings.map(({ contactCount }) => contactCount)).toEqual(expected);
  });

  it("names the protocols, and is the same in any order, at any sensor, however often", async () => {
    const flows = tries(40);
    const [finding] = await runDetector(protocolScan, flows);
    expect(finding).toMatchObject({
      kind: "vertical_scan",
      primaryKey: "203.0.113.9",
      targets: ["10.0.0.5"],
      portCount: 40,
      severity: "medium",
    });
    expect(finding.ports[0]).toBe("ip-200");
    const again = await runDetector(protocolScan, permuted([...flows, ...flows]), { sensorsOf: () => [1] });
    expect(again).toEqual([finding]);
  });

  it("is one over two slices", async () => {
    const findings = await runDetector(protocolScan, tries(10, {}, 100_000));
    expect(findings.map(({ contactCount }) => contactCount)).toEqual([10]);
  });

  it("is not what routers and tunnels send, one host many, or a group", async () => {
    const between = [2, 4, 41, 47, 50, 51, 89].flatMap((protocol) => tries(1, { protocol }));
    const everywhere = Array.from({ length: 30 }, (_, host) =>
      tries(1, { protocol: 50, destination: `10.0.1.${host}` }),
    ).flat();
    const usual = [1, 6, 17, 58, 132].flatMap((protocol) => tries(1, { protocol }));
    const group = tries(20, { destination: "224.0.0.5" });
    expect(await runDetector(protocolScan, [...between, ...everywhere, ...usual, ...group])).toEqual([]);
  });
});
