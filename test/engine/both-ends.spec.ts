import { HostDirection, Outcome } from "@picket/proto/batch/flow-columns.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { describe, expect, it } from "vitest";
import { SeededRandom } from "../scenarios/seeded-random.js";
import {
  packFlows,
  scenarioStartMs,
  shuffle,
  type ScenarioBatch,
  type ScenarioFlow,
} from "./flow-scenario.js";
import { memoryPorts } from "./memory-ports.js";
import { activeIncidents, runEngine } from "./run-engine.js";

const source = "10.9.0.7";
const targets = Array.from({ length: 12 }, (_, host) => `10.9.0.${20 + host}`);

/** The source's scan as the sensors of the given direction report it. */
function seen(direction: number, hosts: readonly string[] = targets, timeShiftMs = 0): ScenarioBatch[] {
  const flows = hosts.map((destination, index): ScenarioFlow => ({
    source,
    destination,
    port: 22,
    timeMs: scenarioStartMs + 60_000 + index * 1000 + timeShiftMs,
    outcome: Outcome.refused,
    direction,
  }));
  if (direction !== HostDirection.inbound) return packFlows(flows, "sensor-source", 50);
  return flows.flatMap((flow) => packFlows([flow], `sensor-${flow.destination}`, 50));
}

async function incidentOf(batches: readonly ScenarioBatch[], seed = 1): Promise<Incident> {
  const shuffled = shuffle(batches, new SeededRandom(seed));
  const options = { correlators: 2, seed, isRedelivered: true, untilMs: scenarioStartMs + 3_600_000 };
  const incidents = activeIncidents(await runEngine(memoryPorts(), shuffled, options));
  expect(incidents).toHaveLength(1);
  return incidents[0];
}

const { inbound, outbound, transit } = HostDirection;

describe("a scan seen at its ends", () => {
  it.each([
    ["both", [...seen(outbound), ...seen(inbound, targets, 1)], "confirmed_at_origin"],
    ["the targets' only", seen(inbound), "seen_at_target_only"],
    ["the source's only", seen(outbound), "seen_at_origin_only"],
    ["neither", seen(transit), "unknown"],
    [
      "the source's, and one target's",
      [...seen(outbound), ...seen(inbound, targets.slice(3, 4))],
      "confirmed_at_origin",
    ],
  ] as const)("says which: %s", async (_, batches, origin) => {
    const incident = await incidentOf(batches);
    expect(incident).toMatchObject({ kind: "horizontal_scan", sources: [source], origin });
  });

  it("is counted once, and is the same in any order", async () => {
    const batches = [...seen(outbound), ...seen(inbound, targets, 1)];
    const terms = async (seed: number): Promise<unknown> => {
      const { id, origin, contactCount, targetCount, factors, evidence } = await incidentOf(batches, seed);
      return { id, origin, contactCount, targetCount, factors, sensors: evidence.length };
    };
    const first = await terms(1);
    expect(first).toMatchObject({ contactCount: 12, targetCount: 12, sensors: 13 });
    for (const seed of [2, 3]) expect(await terms(seed)).toEqual(first);
  });

  it("is told as both ends only where one contact was seen at both", async () => {
    const incident = await incidentOf([
      ...seen(outbound, targets.slice(0, 9)),
      ...seen(inbound, targets.slice(9)),
    ]);
    expect(incident.origin).toBe("seen_at_origin_only");
  });
});

describe("closed ports over the fleet", () => {
  const knock = (from: string, hosts: number): ScenarioBatch[] =>
    targets.slice(0, hosts).flatMap((destination, index) => {
      const timeMs = scenarioStartMs + index * 60_000;
      const common = { source: from, destination, port: 6379, timeMs, outcome: Outcome.refused };
      return packFlows([{ ...common, direction: inbound, isPortClosed: true }], `sensor-${destination}`, 5);
    });
  const kindsOf = async (batches: readonly ScenarioBatch[]): Promise<string[]> => {
    const options = { correlators: 1, seed: 4, untilMs: scenarioStartMs + 7_200_000 };
    return activeIncidents(await runEngine(memoryPorts(), batches, options)).map(({ kind }) => kind);
  };

  it("tell a source from outside after four, one on each host", async () => {
    expect(await kindsOf(knock("203.0.113.80", 3))).toEqual([]);
    expect(await kindsOf(knock("203.0.113.80", 4))).toEqual(["horizontal_scan"]);
  });

  it("say nothing of an inside source", async () => {
    expect(await kindsOf(knock("10.9.0.8", 4))).toEqual([]);
  });
});
