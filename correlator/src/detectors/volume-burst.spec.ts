import { Outcome, RecordKind } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import type { Finding } from "../incidents/incident.js";
import { defaultPolicy } from "../policy/policy.js";
import { permuted, runDetector, runStartMs, type RunFlow } from "./testing/fact-run.js";
import { volumeBurst } from "./volume-burst.js";

const minuteMs = 60_000;
const limit = defaultPolicy.burst.bytesPerMinuteMin;
const [host, other, outside] = ["10.0.0.7", "10.0.0.8", "198.51.100.7"];

/** What a flow moves in a minute, by its initiator. */
function sent(minute: number, bytes: number, details: Partial<RunFlow> = {}): RunFlow {
  return {
    source: host,
    destination: outside,
    port: 443,
    sourcePort: 40_000,
    timeMs: runStartMs + minute * minuteMs + 1000,
    durationMs: 50_000,
    recordKind: RecordKind.delta,
    forwardBytes: bytes,
    ...details,
  };
}

const usual = (minutes: number, bytes: (minute: number) => number): RunFlow[] =>
  Array.from({ length: minutes }, (_, minute) => sent(minute, bytes(minute)));

function keysOf(findings: readonly Finding[]): string[] {
  return findings.map(({ primaryKey }) => primaryKey);
}

const found = (flows: readonly RunFlow[]): Promise<Finding[]> => runDetector(volumeBurst, flows);

describe("a host's burst of bytes", () => {
  it.each([
    [limit - 1, 0],
    [limit, 1],
    [limit + 1, 1],
  ])("of %i bytes a minute gives %i findings", async (bytes, findings) => {
    expect(await found([sent(40, bytes)])).toHaveLength(findings);
  });

  it("is only evidence, with its peer, its port and a sample", async () => {
    expect(await found([sent(40, 3 * limit)])).toMatchObject([
      {
        kind: "host_burst",
        severity: "info",
        primaryKey: `sent ${host}`,
        sources: [host],
        targets: [outside],
        ports: ["tcp/443"],
        contactCount: 1,
        factors: [{ name: "bytes_per_minute", value: 3 * limit }],
        samples: [{ port: 443, firstMs: runStartMs + 40 * minuteMs + 51_000 }],
      },
    ]);
  });

  it("is of the one that sends and of the one that receives, whoever began the flow", async () => {
    const answer = { destination: other, forwardBytes: 1000, reverseBytes: limit };
    expect(keysOf(await found([sent(40, limit, { destination: other })]))).toEqual([
      `received ${other}`,
      `sent ${host}`,
    ]);
    expect(keysOf(await found([sent(40, 0, answer)]))).toEqual([`received ${host}`, `sent ${other}`]);
  });

  it("is counted once by two sensors, delivered again in another order", async () => {
    const flows = Array.from({ length: 40 }, (_, index) =>
      sent(40, limit / 40, { sourcePort: 40_000 + index }),
    );
    const [once] = await found(flows);
    const [again] = await runDetector(volumeBurst, permuted([...flows, ...flows]), {
      sensorsOf: () => [1, 2],
    });
    expect({ ...again, evidence: [], samples: [] }).toEqual({ ...once, evidence: [], samples: [] });
    expect(again.evidence).toHaveLength(2);
  });

  it("is by the minute where records are longer", async () => {
    const activeTimeoutMs = 10 * minuteMs;
    const policy = { ...defaultPolicy, sensor: { ...defaultPolicy.sensor, activeTimeoutMs } };
    const long = (bytes: number): RunFlow => sent(40, bytes, { durationMs: activeTimeoutMs });
    expect(await runDetector(volumeBurst, [long(9 * limit)], { policy })).toEqual([]);
    expect(await runDetector(volumeBurst, [long(10 * limit)], { policy })).toHaveLength(1);
  });

  it("adds up the records of a flow", async () => {
    const parts = [
      sent(40, limit / 4, { recordKind: RecordKind.first, durationMs: 2000 }),
      sent(40, (limit * 3) / 4, { recordKind: RecordKind.last, durationMs: 30_000 }),
    ];
    expect(await found(parts)).toHaveLength(1);
  });

  it("is where it begins, not while it goes on", async () => {
    const steady = await found(usual(60, (minute) => limit * (1 + (minute % 3) * 0.3)));
    expect(steady.map(({ sliceStartMs }) => sliceStartMs)).toEqual([runStartMs]);
  });

  it("is found anew once the half hour before is quiet", async () => {
    const flows = [sent(0, limit * 2), sent(60, limit * 2)];
    expect(await found(flows)).toHaveLength(2);
  });
});

describe("no burst of bytes", () => {
  it.each<[string, RunFlow[]]>([
    ["a call of an hour", usual(60, () => 40_000_000)],
    [
      "many small answers",
      Array.from({ length: 1000 }, (_, index) => sent(40, 262_143, { sourcePort: index })),
    ],
    ["what nobody answered", [sent(40, 3 * limit, { outcome: Outcome.ignored })]],
    ["what began before the sensor", [sent(40, 3 * limit, { outcome: Outcome.unknown })]],
    ["outside hosts", [sent(40, 3 * limit, { source: "203.0.113.9" })]],
    ["what is said to a group", [sent(40, 3 * limit, { destination: "239.1.1.1" })]],
  ])("%s", async (_, flows) => {
    expect(keysOf(await found(flows)).slice(0, 3)).toEqual([]);
  });
});
