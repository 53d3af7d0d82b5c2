import { FlowEndReason, Outcome, RecordKind } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { permuted, runDetector, runStartMs, type RunFlow } from "./testing/fact-run.js";
import { udpStreamFlood } from "./udp-stream-flood.js";

/** One long flow of small datagrams that nobody answers. */
function stream(packetsPerSecond: number, seconds: number, details: Partial<RunFlow> = {}): RunFlow {
  return {
    source: "198.51.100.7",
    destination: "10.0.0.1",
    port: 9999,
    protocol: 17,
    timeMs: runStartMs + 5000,
    durationMs: seconds * 1000,
    outcome: Outcome.ignored,
    forwardPackets: packetsPerSecond * seconds,
    forwardBytes: packetsPerSecond * seconds * 60,
    ...details,
  };
}

const echo = { protocol: 1, port: 8 << 8, sourcePort: 0, outcome: Outcome.answered };

describe("a UDP flood of few large flows", () => {
  it.each([
    [1999, 0],
    [2000, 1],
    [2001, 1],
  ])("of %i packets a second gives %i findings", async (rate, findings) => {
    expect(await runDetector(udpStreamFlood, [stream(rate, 10)])).toHaveLength(findings);
  });

  it("names who floods whom", async () => {
    const [finding] = await runDetector(udpStreamFlood, [stream(20_000, 10)]);
    expect(finding).toMatchObject({
      kind: "udp_flood",
      primaryKey: "10.0.0.1",
      severity: "high",
      sources: ["198.51.100.7"],
      ports: ["udp/9999"],
    });
  });

  it("adds up what several sources send at the same time", async () => {
    const flows = Array.from({ length: 20 }, (_, index) =>
      stream(150, 10, { source: `198.51.100.${index}` }),
    );
    expect(await runDetector(udpStreamFlood, flows)).toMatchObject([{ sourceCount: 20, severity: "high" }]);
    const apart = flows.map((flow, index) => ({ ...flow, timeMs: flow.timeMs + index * 11_000 }));
    expect(await runDetector(udpStreamFlood, apart)).toEqual([]);
  });

  it("is the same in any order, twice and from two sensors", async () => {
    const flows = [stream(3000, 10), stream(2500, 20, { sourcePort: 7 }), stream(120, 3, { sourcePort: 9 })];
    const [once] = await runDetector(udpStreamFlood, flows);
    const [again] = await runDetector(udpStreamFlood, permuted([...flows, ...flows]), {
      sensorsOf: () => [1, 2],
    });
    expect({ ...again, evidence: [] }).toEqual({ ...once, evidence: [] });
  });

  it("counts a report of a minute as a minute", async () => {
    const later = { recordKind: RecordKind.delta, endReason: FlowEndReason.activeTimeout };
    const day = stream(0, 86_400, { ...later, forwardPackets: 60 * 1500 });
    expect(await runDetector(udpStreamFlood, [day])).toEqual([]);
    expect(await runDetector(udpStreamFlood, [{ ...day, forwardPackets: 60 * 3000 }])).toHaveLength(1);
  });

  it("finds a ping flood and leaves ordinary pings alone", async () => {
    expect(await runDetector(udpStreamFlood, [stream(5000, 10, echo)])).toMatchObject([
      { ports: ["icmp/8"] },
    ]);
    expect(await runDetector(udpStreamFlood, [stream(200, 10, echo)])).toEqual([]);
  });

  it("leaves media, calls, games, QUIC, tunnels and measurements alone", async () => {
    const answered = { outcome: Outcome.answered, reversePackets: 1 };
    const camera = stream(3000, 60, { forwardBytes: 3000 * 60 * 1300 });
    const recordedCalls = Array.from({ length: 100 }, (_, index) =>
      stream(50, 60, { source: "10.0.0.5", sourcePort: 10_000 + index, port: 20_000 + index }),
    );
    const iperf = stream(80_000, 10, { source: "10.0.0.2", ...answered });
    for (const flows of [[camera], recordedCalls, [iperf]])
      expect(await runDetector(udpStreamFlood, flows)).toEqual([]);
  });

  it("needs twice what the minutes before had", async () => {
    const minutes = [0, 1, 2, 3, 4].map((minute) =>
      stream(1900, 58, { timeMs: runStartMs + minute * 60_000, sourcePort: 100 + minute }),
    );
    const more = stream(2600, 50, { timeMs: runStartMs + 300_000, sourcePort: 1 });
    expect(await runDetector(udpStreamFlood, [...minutes, more])).toEqual([]);
    expect(await runDetector(udpStreamFlood, [more])).toHaveLength(1);
  });
});
