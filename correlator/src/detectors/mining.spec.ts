import { Application, Outcome, RecordKind } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { defaultPolicy } from "../policy/policy.js";
import { mining } from "./mining.js";
import { permuted, runDetector, runStartMs, type RunFlow } from "./testing/fact-run.js";

const miner = "10.0.0.7";
const pool = "198.51.100.7";
const minuteMs = 60_000;

const stratum: RunFlow = {
  source: miner,
  destination: pool,
  port: 443,
  timeMs: runStartMs,
  application: Application.stratum,
};

/** A connection of some minutes, reported each minute. */
function thinFlow(minutes: number, details: Partial<RunFlow> = {}): RunFlow[] {
  return Array.from({ length: minutes }, (_, minute) => ({
    source: miner,
    destination: pool,
    port: 3333,
    timeMs: runStartMs + minute * minuteMs,
    durationMs: minuteMs,
    recordKind: minute === 0 ? RecordKind.first : RecordKind.delta,
    forwardBytes: 900,
    reverseBytes: 3000,
    ...details,
  }));
}

const asked = (name: string): RunFlow => ({
  source: miner,
  destination: "10.0.0.1",
  port: 53,
  protocol: 17,
  timeMs: runStartMs,
  application: Application.dns,
  name,
});

const named = (name: string): RunFlow => ({ ...stratum, application: Application.tls, name });

describe("coin mining", () => {
  it("is told by the words of stratum alone, whatever the port", async () => {
    const [finding] = await runDetector(mining, [stratum]);
    expect(finding).toMatchObject({
      kind: "mining",
      primaryKey: miner,
      severity: "medium",
      confidence: 0.6,
      sources: [miner],
      targets: [pool],
      ports: ["tcp/443"],
      samples: [{ port: 443 }],
    });
  });

  it("names the inside end of a flow that was seen from its middle on", async () => {
    const reversed = { ...stratum, source: pool, destination: miner, port: 50_000, sourcePort: 3333 };
    const [finding] = await runDetector(mining, [{ ...reversed, outcome: Outcome.unknown }]);
    expect(finding).toMatchObject({ primaryKey: miner, targets: [pool], ports: ["tcp/3333"] });
  });

  it("adds up what speaks for it", async () => {
    const flows = [
      asked("xmr.nanopool.org"),
      named("xmr.nanopool.org"),
      stratum,
      { ...stratum, destination: "198.51.100.8" },
    ];
    const [finding] = await runDetector(mining, flows);
    expect(finding.severity).toBe("high");
    expect(finding.factors.map(({ name }) => name)).toEqual([
      "stratum_flows",
      "stratum_servers",
      "pool_server_names",
      "pool_names_asked",
    ]);
  });

  it.each([
    ["a name asked for alone is nothing", [asked("xmr.nanopool.org")], undefined],
    ["a server's name alone is low", [named("xmr.nanopool.org")], "low"],
    ["both are medium", [asked("xmr.nanopool.org"), named("xmr.nanopool.org")], "medium"],
    ["a pool's port alone is nothing", thinFlow(1), undefined],
    ["4 minutes at a pool's port are nothing", thinFlow(4), undefined],
    ["5 minutes at a pool's port are low", thinFlow(5), "low"],
    ["6 minutes at a pool's port are low", thinFlow(6), "low"],
    ["a fat flow at a pool's port is nothing", thinFlow(30, { reverseBytes: 400_000 }), undefined],
    ["an unanswered pool's port is nothing", thinFlow(30, { outcome: Outcome.ignored }), undefined],
    ["a thin flow and the name are medium", [...thinFlow(6), asked("xmr.nanopool.org")], "medium"],
  ])("%s", async (_, flows: readonly RunFlow[], severity) => {
    const findings = await runDetector(mining, flows);
    expect(findings.map((finding) => finding.severity)).toEqual(severity === undefined ? [] : [severity]);
  });

  it("leaves nodes of Bitcoin and Ethereum and readers of a pool's pages alone", async () => {
    const peers = Array.from({ length: 60 }, (_, index) => ({
      ...stratum,
      destination: `198.51.100.${index + 1}`,
      port: index % 2 === 0 ? 30_303 : 8333,
      application: Application.other,
      durationMs: 20 * minuteMs,
    }));
    const reader = [asked("www.nanopool.org"), named("www.nanopool.org"), named("nanopool.org")];
    expect(await runDetector(mining, [...peers, ...reader])).toEqual([]);
  });

  it("follows the policy's ports and domains", async () => {
    const policy = {
      ...defaultPolicy,
      mining: { ...defaultPolicy.mining, ports: [9], domains: ["pool.test"] },
    };
    const flows = [...thinFlow(10, { port: 9 }), asked("eu.pool.test")];
    expect(await runDetector(mining, flows, { policy })).toMatchObject([{ confidence: 0.6 }]);
    expect(await runDetector(mining, flows)).toEqual([]);
  });

  it("is the same in any order, twice and from two sensors", async () => {
    const flows = [...thinFlow(9), asked("xmr.nanopool.org"), stratum];
    const [once] = await runDetector(mining, flows);
    const [again] = await runDetector(mining, permuted([...flows, ...flows]), { sensorsOf: () => [1, 2] });
    const place = (finding: typeof once): object => ({
      ...finding,
      evidence: [],
      samples: finding.samples.map((sample) => ({ ...sample, sensors: [] })),
    });
    expect(place(again)).toEqual(place(once));
    expect(again.evidence).toHaveLength(2);
  });
});
