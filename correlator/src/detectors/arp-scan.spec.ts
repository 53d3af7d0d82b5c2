import { ArpOperation, Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { arpScan } from "./arp-scan.js";
import { runArp, type RunArp } from "./testing/arp-run.js";
import { permuted, runStartMs, type RunFlow } from "./testing/fact-run.js";

const scanner = { mac: "02:00:00:00:00:07", sender: "10.0.0.7" };

/** Questions for as many addresses, repeated once each. */
function questions(count: number, gapMs = 100, details: Partial<RunArp> = {}): RunArp[] {
  return Array.from({ length: count }, (_, index) => ({
    ...scanner,
    target: `10.0.${1 + (index >> 8)}.${index & 255}`,
    timeMs: runStartMs + index * gapMs,
    durationMs: 1000,
    packets: 2,
    ...details,
  }));
}

async function factorsOf(records: readonly RunArp[]): Promise<string[]> {
  const findings = await runArp(arpScan, records);
  return findings.flatMap(({ factors }) =>
    factors.filter(({ weight }) => weight > 0).map(({ name, value }) => `${name} ${value}`),
  );
}

describe("an ARP scan", () => {
  it.each([
    [24, []],
    [25, ["silent_addresses_per_minute 25"]],
    [26, ["silent_addresses_per_minute 26"]],
  ])("of %i silent addresses in a minute", async (count, expected) => {
    expect(await factorsOf(questions(count))).toEqual(expected);
  });

  it.each([
    [49, []],
    [50, ["silent_addresses_per_10_minutes 50"]],
    [51, ["silent_addresses_per_10_minutes 51"]],
  ])("of %i silent addresses, one each 11 seconds", async (count, expected) => {
    expect(await factorsOf(questions(count, 11_000))).toEqual(expected);
  });

  it.each([
    [99, []],
    [100, ["silent_addresses_per_hour 100"]],
    [101, ["silent_addresses_per_hour 101"]],
  ])("of %i silent addresses, one each 35 seconds", async (count, expected) => {
    expect((await factorsOf(questions(count, 35_000))).slice(-1)).toEqual(expected);
  });

  it("counts a question of unknown answer as a quarter", async () => {
    expect(await factorsOf(questions(99, 100, { packets: 1, durationMs: 0 }))).toEqual([]);
    expect(await factorsOf(questions(100, 100, { packets: 1, durationMs: 0 }))).toEqual([
      "silent_addresses_per_minute 25",
    ]);
  });

  it("is one of probes too, told by its MAC", async () => {
    const probes = questions(30, 100, { operation: ArpOperation.probe, sender: "0.0.0.0" });
    const [finding] = await runArp(arpScan, probes);
    expect(finding).toMatchObject({ kind: "arp_scan", severity: "medium", sources: [scanner.mac] });
  });

  it("is the same out of order, repeated, and seen by two sensors", async () => {
    const records = questions(40);
    const [expected] = await runArp(arpScan, records);
    const [shuffled] = await runArp(arpScan, permuted([...records, ...records]));
    expect(shuffled).toEqual(expected);
    const [spread] = await runArp(arpScan, records, {
      sensorsOf: (index) => (index % 3 === 0 ? [1, 2] : [2]),
    });
    expect({ ...spread, evidence: [] }).toEqual({ ...expected, evidence: [] });
    expect(spread.evidence.map(({ sensor, contactCount }) => [sensor, contactCount])).toEqual([
      [1, 14],
      [2, 40],
    ]);
  });
});

describe("a host that speaks to those it found", () => {
  const found = [1, 2, 3, 4, 5, 6].map((host) => `10.0.0.10${host}`);
  const scan = [
    ...questions(200),
    ...found.map((target) => ({ ...scanner, target, timeMs: runStartMs + 5000, isAnswered: true })),
  ];
  const askBack = (afterMs: number): RunArp[] =>
    found.map((sender, index) => ({
      mac: `02:00:00:00:01:0${index}`,
      sender,
      target: scanner.sender,
      timeMs: runStartMs + 5000 + afterMs,
    }));

  const refused = calls({ outcome: Outcome.refused });

  it.each([
    ["no gateway because those who refuse it ask back", refused, 10_000, true],
    ["no gateway because those who answer its pings do", calls({ protocol: 1 }), 10_000, true],
    ["a gateway when they ask much later", refused, 10_001, false],
    ["a gateway when they ask first", refused, -1, false],
    ["a gateway when it only asks for them", [], 10_000, false],
    ["a gateway, or a server, when they only answer", calls({}), 10_000, false],
    ["a gateway when others call them", calls({ source: "10.0.0.9", protocol: 1 }), 10_000, false],
  ])("is %s", async (_, flows, afterMs, isFound) => {
    const findings = await runArp(arpScan, [...scan, ...askBack(afterMs)], { flows });
    expect(findings.length > 0).toBe(isFound);
  });

  function calls(details: Partial<RunFlow>): RunFlow[] {
    const call = { source: scanner.sender, port: 445, timeMs: runStartMs + 5001 };
    return found.map((destination) => ({ ...call, destination, ...details }));
  }
});

describe("no ARP scan", () => {
  it("is a host whose questions are answered", async () => {
    expect(await factorsOf(questions(200, 100, { isAnswered: true }))).toEqual([]);
  });

  it("is a gateway that looks for hosts which others call", async () => {
    const askers = [1, 2, 3, 4, 5].map((host): RunArp => ({
      mac: `02:00:00:00:01:0${host}`,
      sender: `10.0.0.10${host}`,
      target: scanner.sender,
      timeMs: runStartMs,
    }));
    expect(await factorsOf([...questions(200), ...askers])).toEqual([]);
    expect(await factorsOf([...questions(200), ...askers.slice(1)])).not.toEqual([]);
  });

  it("is a poller that asks for the same hosts again and again", async () => {
    const rounds = [1, 2, 3, 4, 5].flatMap((round) =>
      questions(60, 100, { packets: 1, durationMs: 0 }).map((record) => ({
        ...record,
        timeMs: record.timeMs + round * 300_000,
      })),
    );
    expect(await factorsOf(rounds)).toEqual([]);
  });

  it("is what announces itself", async () => {
    const announcements = questions(200, 10, { operation: ArpOperation.announcement });
    expect(await factorsOf(announcements)).toEqual([]);
  });
});
