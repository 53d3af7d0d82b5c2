import { Application, FlowEndReason, RecordKind } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { defaultPolicy } from "../policy/policy.js";
import { bruteForce } from "./brute-force.js";
import { permuted, runDetector, runStartMs, type RunFlow } from "./testing/fact-run.js";

const limit = defaultPolicy.bruteForce.attemptsMin;
const outside = "198.51.100.7";
const inside = "10.0.0.7";

/** Failed logins of one source at one host, a few seconds apart without a rhythm. */
function tries(count: number, details: Partial<RunFlow> = {}): RunFlow[] {
  return Array.from({ length: count }, (_, index) => ({
    source: inside,
    destination: "10.0.0.1",
    port: 22,
    sourcePort: 40_000 + index,
    timeMs: runStartMs + index * 3000 + ((index * 7919) % 2900),
    durationMs: 1500,
    forwardPackets: 12,
    reversePackets: 10,
    forwardBytes: 2300 + (index % 5) * 20,
    reverseBytes: 2400 + (index % 3) * 30,
    ...details,
  }));
}

const each = (flows: RunFlow[], change: (index: number) => Partial<RunFlow>): RunFlow[] =>
  flows.map((flow, index) => ({ ...flow, ...change(index) }));

/** The two records of each connection that takes more than two seconds; the second as given. */
const inTwo = (flows: RunFlow[], forwardBytes: number, reverseBytes: number): RunFlow[] =>
  flows.flatMap((flow) => [
    { ...flow, recordKind: RecordKind.first, endReason: FlowEndReason.open, durationMs: 2000 },
    {
      ...flow,
      recordKind: RecordKind.last,
      timeMs: flow.timeMs + 2000,
      durationMs: 1800,
      forwardBytes,
      reverseBytes,
    },
  ]);

describe("brute force of one host", () => {
  it.each([
    [limit - 1, 0],
    [limit, 1],
    [limit + 1, 1],
  ])("with %i attempts gives %i findings", async (attempts, findings) => {
    expect(await runDetector(bruteForce, tries(attempts))).toHaveLength(findings);
  });

  it("names who tried what where", async () => {
    expect(await runDetector(bruteForce, tries(100))).toMatchObject([
      {
        kind: "brute_force",
        primaryKey: inside,
        severity: "medium",
        sources: [inside],
        targets: ["10.0.0.1"],
        ports: ["tcp/22"],
        contactCount: 100,
      },
    ]);
  });

  it.each([
    [outside, 100, "low"],
    [outside, 150, "medium"],
    [outside, 1500, "high"],
    [inside, 30, "medium"],
  ])("by %s with %i attempts is %s", async (source, attempts, severity) => {
    const gapMs = attempts > 1000 ? 390 : 2000;
    const flows = each(tries(attempts, { source }), (index) => ({ timeMs: runStartMs + index * gapMs }));
    const findings = await runDetector(bruteForce, flows);
    expect(findings[findings.length - 1].severity).toBe(severity);
  });

  it("by an outside source is medium when it is fast", async () => {
    const flows = each(tries(60, { source: outside }), (index) => ({ timeMs: runStartMs + index * 200 }));
    expect(await runDetector(bruteForce, flows)).toMatchObject([{ severity: "medium" }]);
  });

  it.each([389, 1433, 5432, 6379])(
    "by an inside host of what programs ask, at port %i, is low",
    async (port) => {
      const flows = tries(4 * limit, { port, forwardBytes: 365, reverseBytes: 221 });
      expect(await runDetector(bruteForce, flows)).toMatchObject([{ severity: "low" }]);
    },
  );

  it("by FTP is what is refused several times, slowly, or once", async () => {
    const slow = { port: 21, forwardBytes: 969, reverseBytes: 1016, reversePackets: 16, durationMs: 9000 };
    const once = { port: 21, forwardBytes: 500, reverseBytes: 480, reversePackets: 7, durationMs: 80 };
    expect(await runDetector(bruteForce, tries(60, slow))).toMatchObject([{ severity: "medium" }]);
    expect(await runDetector(bruteForce, tries(60, once))).toMatchObject([{ severity: "medium" }]);
  });

  it("knows SSH on any port", async () => {
    const flows = tries(60, { port: 902, application: Application.ssh });
    expect(await runDetector(bruteForce, flows)).toMatchObject([{ ports: ["tcp/902"] }]);
    expect(await runDetector(bruteForce, tries(60, { port: 902 }))).toEqual([]);
  });

  it.each([21, 23, 3389, 5900])("finds it at port %i", async (port) => {
    expect(
      await runDetector(bruteForce, tries(60, { port, forwardBytes: 700, reverseBytes: 900 })),
    ).toHaveLength(1);
  });

  it("counts over the edge of ten minutes", async () => {
    const flows = each(tries(40), (index) => ({
      timeMs: runStartMs + 540_000 + index * 3000 + ((index * 7919) % 2900),
    }));
    expect((await runDetector(bruteForce, flows)).length).toBeGreaterThan(0);
  });

  it.each([2100, 4000])("knows a failure of more than two seconds, %i bytes of it early", async (early) => {
    const flows = tries(60, { forwardBytes: early, reverseBytes: 2300 });
    const [finding] = await runDetector(bruteForce, inTwo(flows, 180, 240));
    expect(finding).toMatchObject({ contactCount: 60 });
  });

  it("puts one together that begins before ten minutes are over and ends after", async () => {
    const flows = each(tries(60), (index) => ({ timeMs: runStartMs + 598_500 + index * 20 }));
    expect((await runDetector(bruteForce, inTwo(flows, 180, 240))).at(-1)).toMatchObject({
      contactCount: 60,
    });
  });

  it("knows a failure after a post-quantum key exchange", async () => {
    const flows = tries(60, { forwardBytes: 4041, reverseBytes: 3805 });
    expect(await runDetector(bruteForce, flows)).toHaveLength(1);
  });

  it("is the same in any order, twice and from two sensors", async () => {
    const flows = tries(90);
    const [once] = await runDetector(bruteForce, flows);
    const [again] = await runDetector(bruteForce, permuted([...flows, ...flows]), {
      sensorsOf: () => [1, 2],
    });
    expect({ ...again, evidence: [] }).toEqual({ ...once, evidence: [] });
    expect(again.evidence.map(({ contactCount }) => contactCount)).toEqual([90, 90]);
  });
});

describe("spraying", () => {
  const spray = (count: number, hosts: number, details: Partial<RunFlow> = {}): RunFlow[] =>
    each(tries(count, details), (index) => ({ destination: `10.0.1.${index % hosts}` }));

  it("of several hosts by one source is one finding", async () => {
    const [finding] = await runDetector(bruteForce, spray(40, 8, { source: outside }));
    expect(finding).toMatchObject({ primaryKey: outside, severity: "medium", targetCount: 8 });
    expect(finding.factors.map(({ name }) => name)).toContain("sprayed_hosts");
  });

  it("needs five hosts", async () => {
    expect(await runDetector(bruteForce, spray(40, 4))).toEqual([]);
    expect(await runDetector(bruteForce, spray(40, 5))).toHaveLength(1);
  });

  it("is seen of a /24 whose sources try too little each", async () => {
    const flows = each(spray(60, 6), (index) => ({ source: `198.51.100.${index % 12}` }));
    expect(await runDetector(bruteForce, flows)).toMatchObject([
      { primaryKey: "198.51.100.0/24", sourceCount: 12, targetCount: 6 },
    ]);
  });

  it("is no matter of the /24 when one source does it all", async () => {
    expect(await runDetector(bruteForce, spray(60, 6, { source: outside }))).toMatchObject([
      { primaryKey: outside },
    ]);
  });
});

describe("logins that are no attack", () => {
  it.each([
    [
      "a check that logs in on schedule",
      each(tries(200), (index) => ({
        timeMs: runStartMs + index * 5000 + (index % 3) * 40,
        durationMs: 300,
      })),
    ],
    [
      "commands by SSH that take seconds",
      inTwo(tries(200, { forwardBytes: 3900, reverseBytes: 3600 }), 900, 1000),
    ],
    [
      "such commands after a key exchange of old",
      inTwo(tries(200, { forwardBytes: 2900, reverseBytes: 3300 }), 400, 800),
    ],
    ["commands that take less", tries(200, { forwardBytes: 3300, reverseBytes: 4000 })],
    [
      "a file after the other by FTP",
      tries(60, { port: 21, forwardBytes: 763, reverseBytes: 1037, reversePackets: 13, durationMs: 70 }),
    ],
    ["a check that only connects", tries(200, { flags: 0x13 })],
    [
      "git and ansible, which move something in most connections",
      each(tries(200), (index) =>
        index % 5 < 2 ? {} : { forwardBytes: 5000 + index * 97, reverseBytes: 9000 },
      ),
    ],
    ["rsync, a connection a file", each(tries(200), (index) => ({ forwardBytes: 6000 + index * 4000 }))],
    ["sessions of people", tries(60, { durationMs: 300_000, forwardBytes: 4000 })],
    [
      "an application without a connection pool",
      each(tries(100, { port: 3306 }), (index) => ({
        forwardBytes: 900 + (index % 4) * 30,
        reverseBytes: 1500 + ((index * 37) % 2000),
      })),
    ],
    ["a directory asked at each login", tries(100, { port: 389, forwardBytes: 700, reverseBytes: 800 })],
    [
      "an office that polls its mail",
      tries(250, { port: 993, source: outside, forwardBytes: 2500, reverseBytes: 6000 }),
    ],
    ["a web server", tries(500, { port: 443 })],
  ])("%s", async (_, flows) => {
    expect(await runDetector(bruteForce, flows)).toEqual([]);
  });
});
