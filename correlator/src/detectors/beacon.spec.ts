import { Application, Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { beacon } from "./beacon.js";
import { permuted, runDetector, runStartMs, type RunFlow } from "./testing/fact-run.js";

const host = "10.0.0.7";
const server = "203.0.113.9";

/** Connections of one host to one service; the gap before each by a function. */
function contacts(
  count: number,
  gapMs: number | ((index: number) => number),
  details: Partial<RunFlow> = {},
): RunFlow[] {
  let timeMs = runStartMs;
  return Array.from({ length: count }, (_, index) => {
    if (index > 0) timeMs += typeof gapMs === "number" ? gapMs : gapMs(index);
    return {
      source: host,
      destination: server,
      port: 8765,
      timeMs: Math.round(timeMs),
      durationMs: 200,
      sourcePort: 40_000 + ((index * 37) % 20_000),
      forwardBytes: 500,
      reverseBytes: 700,
      ...details,
    };
  });
}

/** A number from -1 to 1, spread evenly. */
const spread = (index: number): number => 2 * ((index * 0.618_033_988_749) % 1) - 1;
const byChance = (index: number): number => -60_000 * Math.log(1 - ((index * 0.618_033_988_749) % 1));
const namedWeb: Partial<RunFlow> = { port: 443, application: Application.tls, name: "updates.example.com" };

describe("beacons", () => {
  it("names the host and the service", async () => {
    const [finding, ...others] = await runDetector(beacon, contacts(40, 60_000));
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      kind: "beacon",
      primaryKey: "203.0.113.9 tcp/8765",
      severity: "medium",
      sources: [host],
      targets: [server],
      ports: ["tcp/8765"],
      contactCount: 40,
    });
    expect(finding.factors.map(({ name }) => name)).toEqual([
      "regular_gaps",
      "equal_gaps",
      "equal_sizes",
      "contacts",
      "unusual_port",
    ]);
  });

  it.each([
    [19, false],
    [20, true],
    [21, true],
  ])("%i contacts around the limit of 20: %s", async (count, isFound) => {
    expect((await runDetector(beacon, contacts(count, 60_000))).length > 0).toBe(isFound);
  });

  it.each([0.1, 0.2, 0.3])("allows a jitter of %d", async (jitter) => {
    const flows = contacts(50, (index) => 60_000 * (1 + jitter * spread(index)));
    expect(await runDetector(beacon, flows)).toHaveLength(1);
  });

  it.each([
    ["every 2 seconds", contacts(600, 2000)],
    [
      "every 11 seconds, never answered",
      contacts(200, 11_000, { outcome: Outcome.ignored, reverseBytes: 0 }),
    ],
    ["every 4 minutes over two hours", contacts(30, 240_000)],
  ])("finds contacts %s", async (_, flows) => {
    expect((await runDetector(beacon, flows)).length).toBeGreaterThan(0);
  });

  it("is low where the service is a named one of the web", async () => {
    const findings = await runDetector(beacon, contacts(400, 5000, namedWeb));
    expect(findings).toMatchObject([{ severity: "low", confidence: 0.35 }]);
  });

  it("is medium where TLS names no server", async () => {
    const nameless = contacts(100, 30_000, { port: 443, application: Application.tls });
    expect(await runDetector(beacon, nameless)).toMatchObject([{ severity: "medium" }]);
  });

  it.each([
    ["contacts by chance", contacts(120, byChance)],
    [
      "pages of a browser, several connections each",
      Array.from({ length: 12 }, (_, page) =>
        contacts(6, 120, { ...namedWeb, sourcePort: 50_000 + page }),
      ).flat(),
    ],
    ["a minute of polling", contacts(60, 1500)],
    [
      "a named service polled now and then",
      contacts(30, (index) => 60_000 * (1 + 0.3 * spread(index)), namedWeb),
    ],
    ["time servers", contacts(60, 60_000, { port: 123, protocol: 17 })],
    ["monitoring of an inside host", contacts(60, 60_000, { destination: "10.0.0.9" })],
    ["health checks from outside", contacts(60, 10_000, { source: server, destination: host })],
    ["a scanner outside", contacts(60, 30_000, { source: "198.51.100.1", outcome: Outcome.refused })],
    ["flows seen from their middle on", contacts(60, 60_000, { outcome: Outcome.unknown })],
  ])("says nothing of %s", async (_, flows) => {
    expect(await runDetector(beacon, flows)).toEqual([]);
  });

  it("is less sure the more hosts of the fleet do the same", async () => {
    const fleet = (hosts: number): RunFlow[] =>
      Array.from({ length: hosts }, (_, index) =>
        contacts(40, 60_000, { source: `10.0.1.${index + 1}` }),
      ).flat();
    const [four] = await runDetector(beacon, fleet(4));
    const [five] = await runDetector(beacon, fleet(5));
    expect(four).toMatchObject({ sourceCount: 4, severity: "medium" });
    expect(five).toMatchObject({ sourceCount: 5, severity: "low" });
  });

  it("says nothing of a service of thousands of connections an hour by many hosts", async () => {
    const crowd = Array.from({ length: 30 }, (_, index) =>
      contacts(100, 30_000, { source: `10.0.1.${index + 1}` }),
    ).flat();
    expect(await runDetector(beacon, crowd)).toEqual([]);
  });

  it("sees what goes through a proxy", async () => {
    const proxied = contacts(30, 120_000, { destination: "10.0.0.2", port: 3128 });
    expect(await runDetector(beacon, proxied)).toMatchObject([{ severity: "low", ports: ["tcp/3128"] }]);
  });

  it("is the same in any order, twice and from two sensors with clocks apart", async () => {
    const flows = contacts(40, 60_000);
    const late = flows.map((flow) => ({ ...flow, timeMs: flow.timeMs + 800 }));
    const [once] = await runDetector(beacon, flows);
    const [again] = await runDetector(beacon, permuted([...flows, ...flows, ...late]), {
      sensorsOf: (index) => [1 + (index % 2)],
    });
    expect(again).toMatchObject({
      primaryKey: once.primaryKey,
      severity: once.severity,
      confidence: once.confidence,
      factors: once.factors,
      contactCount: once.contactCount,
      firstSeenMs: once.firstSeenMs,
    });
  });
});
