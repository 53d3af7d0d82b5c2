import { describe, expect, it } from "vitest";
import { Outcome } from "@picket/proto/batch/flow-columns.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { scenarioStartMs, spreadFlows, type ScenarioFlow } from "./flow-scenario.js";
import { memoryPorts } from "./memory-ports.js";
import { activeIncidents, runEngine } from "./run-engine.js";

const startMs = scenarioStartMs + 3_600_000;
const untilMs = startMs + 4 * 3_600_000;

async function kindsOf(flows: readonly ScenarioFlow[]): Promise<string[]> {
  return (await incidentsOf(flows)).map(({ kind, severity }) => `${kind} ${severity}`);
}

async function incidentsOf(flows: readonly ScenarioFlow[]): Promise<Incident[]> {
  const batches = spreadFlows(flows, { sensors: 2, seed: 9, isDuplicated: true });
  return activeIncidents(
    await runEngine(memoryPorts(), batches, { correlators: 2, seed: 9, isRedelivered: true, untilMs }),
  );
}

/** `count` things, one a second. */
function each(count: number, flowOf: (index: number) => Partial<ScenarioFlow>): ScenarioFlow[] {
  return Array.from({ length: count }, (_, index) => ({
    source: "203.0.113.9",
    destination: "10.1.0.1",
    port: 80,
    timeMs: startMs + index * 1000,
    outcome: Outcome.ignored,
    ...flowOf(index),
  }));
}

describe("one source", () => {
  it.each([
    [6, []],
    [7, ["horizontal_scan low"]],
    [8, ["horizontal_scan low"]],
    [24, ["horizontal_scan low"]],
    [25, ["horizontal_scan medium"]],
    [99, ["horizontal_scan medium"]],
    [100, ["horizontal_scan high"]],
  ])("that fails at one port of %i hosts", async (hosts, expected) => {
    expect(await kindsOf(each(hosts, (index) => ({ destination: `10.1.0.${1 + index}`, port: 22 })))).toEqual(
      expected,
    );
  });

  it.each([
    [14, []],
    [15, ["vertical_scan low"]],
    [16, ["vertical_scan low"]],
  ])("whose datagrams to %i ports of a host stay unanswered", async (ports, expected) => {
    expect(
      await kindsOf(each(ports, (index) => ({ port: 3000 + index, sourcePort: 5000, protocol: 17 }))),
    ).toEqual(expected);
  });

  it.each([
    [24, []],
    [25, ["horizontal_scan medium"]],
  ])("whose datagrams to one port of %i hosts stay unanswered", async (hosts, expected) => {
    expect(
      await kindsOf(
        each(hosts, (index) => ({
          destination: `10.1.0.${1 + index}`,
          port: 161,
          sourcePort: 5000,
          protocol: 17,
        })),
      ),
    ).toEqual(expected);
  });

  it("is weighed down by the hosts that answer it", async () => {
    const failed = each(9, (index) => ({ destination: `10.1.0.${1 + index}`, port: 22 }));
    const answered = each(3, (index) => ({ destination: `10.1.1.${1 + index}`, outcome: Outcome.answered }));
    expect(await kindsOf([...failed, ...answered])).toEqual([]);
  });

  it("is not suspected for retrying one dead service all day", async () => {
    expect(
      await kindsOf(each(100, (index) => ({ sourcePort: 40_000 + index, timeMs: startMs + index * 60_000 }))),
    ).toEqual([]);
  });

  it("is not suspected for what a later try answers", async () => {
    const failed = each(20, (index) => ({ destination: `10.1.0.${1 + index}` }));
    const answered = failed.map((flow) => ({
      ...flow,
      outcome: Outcome.answered,
      timeMs: flow.timeMs + 1500,
    }));
    expect(await kindsOf([...failed, ...answered])).toEqual([]);
  });

  it("fans out, and does not scan, when the port is one of peer-to-peer programs", async () => {
    expect(
      await kindsOf(each(80, (index) => ({ destination: `198.51.100.${1 + index}`, port: 6346 }))),
    ).toEqual(["fan_out low"]);
  });

  it.each([
    [1, ["vertical_scan 7"]],
    [2, ["vertical_scan 8"]],
    [3, ["fan_out 9"]],
  ])("scans %i peer-to-peer ports too as long as they are at most a quarter", async (peers, expected) => {
    const ports = [2000, 2001, 2002, 2003, 2004, 2005, ...[6346, 6881, 8333].slice(0, peers)];
    const incidents = await incidentsOf(each(ports.length, (index) => ({ port: ports[index] })));
    expect(incidents.map(({ kind, contactCount }) => `${kind} ${contactCount}`)).toEqual(expected);
  });

  it("is one incident over a day of slow probes", async () => {
    const slow = each(12, (index) => ({
      destination: `10.1.0.${1 + index}`,
      port: 22,
      timeMs: startMs + index * 900_000,
    }));
    expect(await kindsOf(slow)).toEqual(["horizontal_scan low"]);
  });

  it("is one source by its /64 when it is an outside IPv6 address", async () => {
    const rotating = each(9, (index) => ({
      source: `2001:db8:7:7::${index + 1}`,
      destination: `fd00::${index + 1}`,
      port: 22,
    }));
    const incidents = await incidentsOf(rotating);
    expect(incidents.map(({ sources }) => sources)).toEqual([["2001:db8:7:7::/64"]]);
  });

  it("never counts a contact whose outcome is unknown", async () => {
    expect(
      await kindsOf(each(50, (index) => ({ destination: `10.1.0.${1 + index}`, outcome: Outcome.unknown }))),
    ).toEqual([]);
  });
});

describe("many sources", () => {
  const crowd = (
    count: number,
    flowOf: (index: number) => Partial<ScenarioFlow> = () => ({}),
  ): ScenarioFlow[] => each(count, (index) => ({ source: `203.0.${index}.9`, ...flowOf(index) }));

  it.each([
    [3, []],
    [4, ["background_scanning info"]],
    [99, ["background_scanning info"]],
    [100, ["distributed_scan high"]],
  ])("(%i) that fail at one service", async (sources, expected) => {
    expect(await kindsOf(crowd(sources))).toEqual(expected);
  });

  it.each([
    [2, ["horizontal_scan low", "horizontal_scan low"]],
    [3, ["background_scanning info"]],
    [40, ["background_scanning info"]],
  ])("(%i) that scan a little on their own in a day are its background", async (sources, expected) => {
    const scans = Array.from({ length: sources }, (_, source) =>
      each(8, (index) => ({
        source: `203.${source}.0.9`,
        destination: `10.1.0.${1 + index}`,
        port: 1000 + source,
        timeMs: startMs + source * 240_000 + index * 1000,
      })),
    );
    const incidents = await incidentsOf(scans.flat());
    expect(incidents.map(({ kind, severity }) => `${kind} ${severity}`)).toEqual(expected);
    if (sources > 2) expect(incidents[0].sourceCount).toBe(sources);
  });

  it("that scan a little hide none that scans much", async () => {
    const small = [1, 2, 3, 4].map((source) =>
      each(8, (index) => ({
        source: `203.${source}.0.9`,
        destination: `10.1.0.${1 + index}`,
        port: 1000 + source,
        timeMs: startMs + source * 240_000 + index * 1000,
      })),
    );
    const large = each(40, (index) => ({
      source: "198.51.100.9",
      destination: `10.1.0.${1 + index}`,
      port: 22,
      timeMs: startMs + index * 60_000,
    }));
    const kinds = await kindsOf([...small.flat(), ...large]);
    expect(kinds.toSorted()).toEqual(["background_scanning info", "horizontal_scan medium"]);
  });

  it.each([
    [3, []],
    [4, ["distributed_scan low"]],
    [100, ["distributed_scan high"]],
  ])("(%i) with one probe each at one port over the fleet", async (sources, expected) => {
    expect(
      await kindsOf(crowd(sources, (index) => ({ destination: `10.1.0.${1 + index}`, port: 23 }))),
    ).toEqual(expected);
  });

  it.each([
    [14, []],
    [15, ["distributed_scan medium"]],
  ])("(%i) at as many ports of one target within 90 seconds", async (sources, expected) => {
    expect(await kindsOf(crowd(sources, (index) => ({ port: 2000 + index * 17 })))).toEqual(expected);
  });

  it("are a crowd across the edge of two slices", async () => {
    const edgeMs = startMs + 600_000;
    expect(await kindsOf(crowd(6, (index) => ({ timeMs: edgeMs - 30_000 + index * 10_000 })))).toEqual([
      "background_scanning info",
    ]);
  });

  it("that are inside and lose a service that used to answer are an outage", async () => {
    const lost = crowd(20, (index) => ({ source: `10.2.0.${1 + index}` }));
    const before = { ...lost[0], source: "10.2.0.99", timeMs: startMs - 900_000, outcome: Outcome.answered };
    expect(await kindsOf([before, ...lost])).toEqual(["service_outage low"]);
  });

  it("that are inside and fail at what never answered are low", async () => {
    const kinds = await kindsOf(crowd(20, (index) => ({ source: `10.2.0.${1 + index}` })));
    expect(kinds).toEqual(["distributed_scan low"]);
  });

  it("that are inside and fail outside are nobody's scan", async () => {
    expect(
      await kindsOf(crowd(20, (index) => ({ source: `10.2.0.${1 + index}`, destination: "198.51.100.1" }))),
    ).toEqual([]);
  });

  it("that are inside and reach nearly everything else are not suspected together", async () => {
    const failing = crowd(12, (index) => ({
      source: `10.2.0.${1 + index}`,
      destination: `10.1.0.${1 + index}`,
      port: 445,
    }));
    const ordinary = failing.flatMap((flow) =>
      [1, 2].map((host) => ({ ...flow, destination: `10.4.0.${host}`, outcome: Outcome.answered })),
    );
    expect(await kindsOf([...failing, ...ordinary])).toEqual([]);
    expect(await kindsOf(failing)).toEqual(["distributed_scan medium"]);
  });

  it("that flood one service by the hundred a second are one flood and no scan", async () => {
    const flood = each(6000, (index) => ({
      source: `${11 + (index % 150)}.${index >> 8}.${index & 255}.7`,
      timeMs: startMs + index * 2,
      port: 25_565,
    }));
    const incidents = await incidentsOf(flood);
    expect(incidents.map(({ kind, targets }) => [kind, targets])).toEqual([["syn_flood", ["10.1.0.1"]]]);
  });
});
