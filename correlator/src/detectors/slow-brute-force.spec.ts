import { FlowEndReason, RecordKind } from "@picket/proto/batch/flow-columns.js";
import { seededRandom } from "@picket/proto/batch/testing/seeded-random.js";
import { describe, expect, it } from "vitest";
import { defaultPolicy } from "../policy/policy.js";
import { slowBruteForce } from "./slow-brute-force.js";
import { permuted, runDetector, runStartMs, type RunFlow } from "./testing/fact-run.js";

const limit = defaultPolicy.bruteForce.attemptsMin;
const minuteMs = 60_000;
const outside = "198.51.100.7";
const inside = "10.0.0.7";
const dayMinutes = 1440;

interface Habit {
  /** Share of the gap by which each connection is early or late. */
  readonly jitter?: number;
  readonly source?: string;
  readonly hosts?: number;
  readonly details?: (index: number) => Partial<RunFlow>;
}

/** Connections of one source, so many minutes apart, to one host after the other. */
function logins(count: number, gapMinutes: number, habit: Habit = {}): RunFlow[] {
  const { jitter = 0.4, source = inside, hosts = 1, details } = habit;
  const random = seededRandom(5);
  return Array.from({ length: count }, (_, index) => ({
    source,
    destination: `10.0.1.${index % hosts}`,
    port: 22,
    sourcePort: 30_000 + ((index * 37) % 30_000),
    timeMs: Math.round(runStartMs + (index + 0.5 + (2 * random() - 1) * jitter) * gapMinutes * minuteMs),
    durationMs: 1500,
    forwardPackets: 13,
    reversePackets: 12,
    forwardBytes: 2350 + (index % 5) * 20,
    reverseBytes: 2600 + (index % 3) * 30,
    ...details?.(index),
  }));
}

async function last(flows: readonly RunFlow[]): Promise<object | undefined> {
  return (await runDetector(slowBruteForce, flows)).at(-1);
}

const like = (details: Partial<RunFlow>, habit: Habit = {}): Habit => ({
  ...habit,
  details: () => details,
});

describe("slow guessing", () => {
  it.each([
    [limit - 1, 0],
    [limit, 1],
    [limit + 1, 1],
  ])("with %i minutes that fail gives %i findings", async (attempts, findings) => {
    expect(await runDetector(slowBruteForce, logins(attempts, 5))).toHaveLength(findings);
  });

  it.each([1, 2, 10, 30, 40])("at one host every %i minutes is found", async (gapMinutes) => {
    expect(await last(logins(Math.min(500, dayMinutes / gapMinutes), gapMinutes))).toMatchObject({
      kind: "brute_force",
      primaryKey: inside,
      severity: "medium",
      targets: ["10.0.1.0"],
      ports: ["tcp/22"],
    });
  });

  it("counts a minute once, however much is tried in it", async () => {
    expect(await runDetector(slowBruteForce, logins(1000, 0.02))).toEqual([]);
  });

  it("sees one whose logins take more than two seconds", async () => {
    const both = logins(40, 20).flatMap((flow) => [
      { ...flow, recordKind: RecordKind.first, endReason: FlowEndReason.open, durationMs: 2000 },
      { ...flow, recordKind: RecordKind.last, durationMs: 2500, forwardBytes: 120, reverseBytes: 170 },
    ]);
    expect(await last(both)).toMatchObject({ contactCount: 40 });
  });

  it("from outside is low, on a timer or not", async () => {
    const habit = { source: outside, jitter: 0.3 };
    expect(await last(logins(200, 7, habit))).toMatchObject({ severity: "low" });
    expect(await last(logins(200, 7, { ...habit, jitter: 0 }))).toMatchObject({ severity: "low" });
  });

  it("by a /24 is of the /24, whose sources try too little each", async () => {
    const flows = logins(120, 10, { details: (index) => ({ source: `198.51.100.${(index * 7) % 12}` }) });
    const findings = await runDetector(slowBruteForce, flows);
    expect(new Set(findings.map(({ primaryKey }) => primaryKey))).toEqual(new Set(["198.51.100.0/24"]));
  });

  it("is the same in any order, twice and from two sensors", async () => {
    const flows = logins(90, 10);
    const once = await runDetector(slowBruteForce, flows);
    const again = await runDetector(slowBruteForce, permuted([...flows, ...flows]), {
      sensorsOf: () => [1, 2],
    });
    expect(again.map((finding) => ({ ...finding, evidence: [] }))).toEqual(
      once.map((finding) => ({ ...finding, evidence: [] })),
    );
  });
});

describe("slow spraying", () => {
  it("of one attempt an hour at each of ten hosts is found", async () => {
    expect(await last(logins(240, 6, { hosts: 10 }))).toMatchObject({
      kind: "brute_force",
      severity: "high",
      targetCount: 10,
    });
  });

  it("from outside is medium once there is much of it", async () => {
    expect(await last(logins(60, 20, { hosts: 10, source: outside }))).toMatchObject({ severity: "low" });
    expect(await last(logins(600, 2, { hosts: 10, source: outside }))).toMatchObject({ severity: "medium" });
  });
});

describe("connections over a day that are no attack", () => {
  it.each<[string, RunFlow[]]>([
    [
      "a probe of the banner",
      logins(300, 4, like({ forwardBytes: 380, reverseBytes: 1400, durationMs: 80 })),
    ],
    [
      "the same from outside",
      logins(300, 4, like({ forwardBytes: 380, reverseBytes: 1400 }, { source: outside })),
    ],
    ["a connection that says nothing", logins(300, 4, like({ flags: 0x13 }))],
    ["inside checks that log in by a timer", logins(280, 5, { jitter: 0.02, hosts: 7 })],
    [
      "ansible at forty hosts",
      logins(1000, 1.4, { ...like({ forwardBytes: 90_000, reverseBytes: 14_000 }), hosts: 40 }),
    ],
    ["short commands at random times", logins(200, 7, like({ forwardBytes: 3320, reverseBytes: 4050 }))],
    [
      "git fetch by cron",
      logins(280, 5, { ...like({ forwardBytes: 3700, reverseBytes: 6200 }), jitter: 0.01 }),
    ],
    [
      "backups by rsync",
      logins(48, 30, { details: (index) => ({ forwardBytes: 5000 + index * 4000, reverseBytes: 9000 }) }),
    ],
    [
      "commands of some seconds, whose last record is short",
      logins(200, 7).flatMap((flow) => [
        {
          ...flow,
          recordKind: RecordKind.first,
          endReason: FlowEndReason.open,
          forwardBytes: 3100,
          reverseBytes: 3900,
        },
        { ...flow, recordKind: RecordKind.last, durationMs: 9000, forwardBytes: 200, reverseBytes: 300 },
      ]),
    ],
    [
      "mail with the password of yesterday",
      logins(280, 5, like({ port: 993, forwardBytes: 1900, reverseBytes: 5000 })),
    ],
    [
      "a camera that brings pictures by FTP",
      logins(280, 5, like({ port: 21, forwardBytes: 900, reverseBytes: 1100 })),
    ],
    [
      "a check of RDP by a timer",
      logins(280, 5, { ...like({ port: 3389, forwardBytes: 900, reverseBytes: 1900 }), jitter: 0.01 }),
    ],
    ["a person who mistypes", logins(12, 60)],
    ["one key that fails in a list of hosts", logins(25, 50, { hosts: 25 })],
  ])("%s", async (_, flows) => {
    expect(await runDetector(slowBruteForce, flows)).toEqual([]);
  });
});
