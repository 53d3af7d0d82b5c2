import { Application, Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { scenarioStartMs, type ScenarioFlow } from "../engine/flow-scenario.js";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { incidentsOf } from "./golden-run.js";
import { dailyLogins, incidentsOfDay, manyStrangers, slowGuesses } from "./slow-logins.js";

const pushed = 0x1b;

/** SSH connections of one host, one after another; what they move is up to the caller. */
function connections(
  count: number,
  gapMs: number,
  bytesOf: (random: SeededRandom) => number,
  details: (index: number) => Partial<ScenarioFlow> = () => ({}),
): ScenarioFlow[] {
  const random = new SeededRandom(11);
  return Array.from({ length: count }, (_, index) => ({
    source: "10.9.7.8",
    destination: "10.9.0.17",
    port: 22,
    sourcePort: 33_000 + index,
    timeMs: scenarioStartMs + 60_000 + index * gapMs + random.below(gapMs),
    durationMs: 1400,
    outcome: Outcome.answered,
    application: Application.ssh,
    flags: pushed,
    forwardPackets: 12,
    reversePackets: 11,
    forwardBytes: bytesOf(random),
    reverseBytes: bytesOf(random),
    ...details(index),
  }));
}

const failed = (random: SeededRandom): number => random.between(2200, 2500);

describe("brute force", () => {
  it("of one host is one incident", async () => {
    expect(await incidentsOf(connections(120, 2500, failed))).toMatchObject([
      {
        kind: "brute_force",
        severity: "medium",
        technique: "T1110",
        sources: ["10.9.7.8"],
        contactCount: 120,
      },
    ]);
  });

  it("of many hosts by one source is one incident of spraying", async () => {
    const spray = connections(120, 2500, failed, (index) => ({ destination: `10.9.0.${20 + (index % 30)}` }));
    const incidents = await incidentsOf(spray);
    expect(incidents).toMatchObject([
      { kind: "brute_force", severity: "high", technique: "T1110.003", targetCount: 30 },
    ]);
  });

  it("is not a build server that clones and asks, or a check each half minute", async () => {
    const builds = connections(300, 2000, (random) =>
      random.chance(0.5) ? random.between(4500, 90_000) : 3600,
    );
    const checks = connections(40, 30_000, failed, (index) => ({
      source: "10.9.7.9",
      durationMs: 300,
      timeMs: scenarioStartMs + 60_000 + index * 30_000 + (index % 5) * 20,
    }));
    expect(await incidentsOf([...builds, ...checks])).toEqual([]);
  });
});

describe("slow brute force", () => {
  it.each(Object.entries(slowGuesses))("%s is one incident", async (_, flows) => {
    expect(await incidentsOfDay(flows)).toMatchObject([
      { kind: "brute_force", sourceCount: new Set(flows.map(({ source }) => source)).size },
    ]);
  });

  it("of many strangers at one host is the background of a day", async () => {
    expect(await incidentsOfDay(manyStrangers)).toMatchObject([
      { kind: "background_scanning", severity: "info", sourceCount: 20 },
    ]);
  });

  it("is not what logs in, asks for a banner or keeps time all day", async () => {
    expect(await incidentsOfDay(dailyLogins)).toEqual([]);
  });
});
