import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { scenarioStartMs, type ScenarioFlow } from "../engine/flow-scenario.js";
import { benignMix, jointBurst } from "../engine/scenarios.js";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { incidentsOf } from "./golden-run.js";

const startMs = scenarioStartMs + 65_000;
const inside = (subnet: number, count: number): string[] =>
  Array.from({ length: count }, (_, number) => `10.9.${subnet}.${10 + number}`);

/** Every source asks every target for so many ports, all refused, within four seconds. */
function scan(
  sources: readonly string[],
  targets: readonly string[],
  ports: number,
  atMs = startMs,
): ScenarioFlow[] {
  return sources.flatMap((source) =>
    targets.flatMap((destination) =>
      Array.from({ length: ports }, (_, index): ScenarioFlow => ({
        source,
        destination,
        port: 1 + index,
        sourcePort: 40_000 + index,
        timeMs: atMs + Math.floor((index * 4000) / ports),
        outcome: Outcome.refused,
      })),
    ),
  );
}

/** Every host of a worm tries one port of addresses of its own, a hundred a second. */
function outbreak(hosts: readonly string[]): ScenarioFlow[] {
  const random = new SeededRandom(17);
  return hosts.flatMap((source, number) =>
    Array.from({ length: 400 }, (_, index): ScenarioFlow => ({
      source,
      destination: `198.${18 + number}.${random.below(256)}.${random.below(256)}`,
      port: 445,
      sourcePort: 40_000 + index,
      timeMs: startMs + index * 10,
      outcome: Outcome.ignored,
    })),
  );
}

async function kindsOf(flows: readonly ScenarioFlow[]): Promise<string[]> {
  return (await incidentsOf([...flows, ...benignMix()])).map(({ kind }) => kind).sort();
}

describe("a scan that is fast enough for a burst", () => {
  it("under ten inside addresses is one incident, none of them verified", async () => {
    const incidents = await incidentsOf([...scan(inside(5, 10), ["10.9.0.40"], 200), ...benignMix()]);
    expect(incidents).toMatchObject([
      { kind: "campaign", severity: "high", sourceCount: 10, sourceVerified: false },
    ]);
  });

  it("of a host whose service used to answer is no outage of that service", async () => {
    const served: ScenarioFlow = {
      source: "10.9.0.77",
      destination: "10.9.0.40",
      port: 22,
      sourcePort: 50_000,
      timeMs: startMs - 60_000,
      outcome: Outcome.answered,
    };
    expect(await kindsOf([served, ...scan(inside(5, 10), ["10.9.0.40"], 200)])).toEqual(["campaign"]);
  });

  it("of four hosts by one is one incident", async () => {
    expect(await kindsOf(scan(["10.9.5.10"], inside(0, 4), 300))).toHaveLength(1);
  });

  it.each([
    ["hours after", 0],
    ["in the seconds of", 4_995_000],
  ])("is one incident %s a burst of other hosts", async (_, laterMs) => {
    const kinds = await kindsOf([
      ...jointBurst(3, 4, scenarioStartMs + laterMs),
      ...scan(inside(5, 10), ["10.9.0.40"], 200, startMs + 5_050_000),
    ]);
    expect(kinds).toEqual(["campaign", "cross_host_burst"]);
  });

  it("that comes again after half an hour is still one incident", async () => {
    const sources = inside(5, 10);
    const again = scan(sources, ["10.9.0.40"], 400, startMs + 1_800_000).filter(({ port }) => port > 200);
    expect(await kindsOf([...scan(sources, ["10.9.0.40"], 200), ...again])).toEqual(["campaign"]);
  });
});

describe("a burst beside a scan stays an incident", () => {
  it("when the hosts flood another peer with what it answers", async () => {
    const bots = ["10.9.0.10", "10.9.0.11", "10.9.0.12", "10.9.0.13"];
    const kinds = await kindsOf([...scan(bots, ["10.9.0.2"], 50), ...jointBurst()]);
    expect(kinds.filter((kind) => kind === "cross_host_burst")).toHaveLength(1);
    expect(kinds.length).toBeGreaterThan(1);
  });

  it("when each host of a worm sweeps addresses of its own", async () => {
    const kinds = await kindsOf(outbreak(inside(5, 6)));
    expect(kinds.filter((kind) => kind === "cross_host_burst")).toHaveLength(1);
  });
});

describe("bursts of several hosts", () => {
  it("that were not there before are how they begin", async () => {
    const begun = scenarioStartMs + 120_000;
    const unknown = jointBurst().map((flow) => ({ ...flow, source: `10.9.9.${flow.source.split(".")[3]}` }));
    expect(await kindsOf(unknown.filter(({ timeMs }) => timeMs >= begun))).toEqual([]);
    expect(await kindsOf(unknown)).toEqual(["cross_host_burst"]);
  });

  it("hours apart at other places are an incident each", async () => {
    const later = jointBurst(4, 4, scenarioStartMs + 5_000_000).map((flow) => ({
      ...flow,
      destination: flow.destination === "192.0.2.80" ? "203.0.113.80" : flow.destination,
    }));
    expect(await kindsOf([...jointBurst(), ...later])).toEqual(["cross_host_burst", "cross_host_burst"]);
  });

  it("of the same hosts at the same place are one", async () => {
    const later = jointBurst(4, 4, scenarioStartMs + 5_000_000).map((flow) => ({
      ...flow,
      port: flow.port + 1,
    }));
    expect(await kindsOf([...jointBurst(), ...later])).toEqual(["cross_host_burst"]);
  });
});
