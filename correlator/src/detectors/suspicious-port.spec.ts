import { Application, Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { defaultPolicy } from "../policy/policy.js";
import { suspiciousPort } from "./suspicious-port.js";
import { permuted, runDetector, runStartMs, type RunFlow } from "./testing/fact-run.js";

const telnet: RunFlow = {
  source: "10.0.0.7",
  destination: "10.0.0.9",
  port: 23,
  timeMs: runStartMs,
  application: Application.other,
  forwardPackets: 9,
  reversePackets: 9,
};
const outside = "203.0.113.9";

describe("suspicious ports", () => {
  it("names the source and what it used", async () => {
    expect(await runDetector(suspiciousPort, [telnet])).toMatchObject([
      {
        kind: "suspicious_port",
        primaryKey: "10.0.0.7",
        severity: "low",
        confidence: 0.5,
        targets: ["10.0.0.9"],
        ports: ["tcp/23"],
      },
    ]);
  });

  it.each([
    ["telnet from outside", { source: outside }, 0.6],
    ["one contact with a high port outside: a note", { destination: outside, port: 4444 }, 0.4],
    ["a shell behind a high port", { destination: outside, port: 4444, application: Application.ssh }, 0.6],
    ["SSH at the port of the web", { destination: outside, port: 443, application: Application.ssh }, 0.8],
    [
      "a datagram to a peer that never answered",
      { destination: outside, port: 6881, protocol: 17, outcome: Outcome.ignored },
      0.1,
    ],
  ])("%s", async (_, details: Partial<RunFlow>, confidence) => {
    const [finding] = await runDetector(suspiciousPort, [{ ...telnet, ...details }]);
    expect(finding.confidence).toBe(confidence);
    expect(finding.severity).toBe(confidence < 0.5 ? "info" : "low");
  });

  it.each([
    ["an unlisted port", { port: 24 }],
    ["SSH at its own port", { port: 22, application: Application.ssh }],
    ["SSH at a high port", { port: 2022, application: Application.ssh }],
    ["a port that did not answer", { outcome: Outcome.refused }],
    ["a scanner that connects and leaves", { application: Application.unknown, reversePackets: 3 }],
    ["others' traffic", { source: "198.51.100.1", destination: outside }],
    [
      "a reply whose request was not seen",
      { source: outside, destination: "10.0.0.7", protocol: 17, sourcePort: 53, port: 54_321 },
    ],
    ["a group", { destination: "239.1.1.1", protocol: 17, port: 12_345 }],
  ])("says nothing of %s", async (_, details: Partial<RunFlow>) => {
    expect(await runDetector(suspiciousPort, [{ ...telnet, ...details }])).toEqual([]);
  });

  it("is surer of a peer of many", async () => {
    const peers = Array.from({ length: 20 }, (_, index) => ({
      ...telnet,
      destination: `203.0.113.${index + 1}`,
      port: 6881 + (index % 9),
    }));
    expect(await runDetector(suspiciousPort, peers)).toMatchObject([{ severity: "low", contactCount: 20 }]);
  });

  it("leaves datagrams to many listed ports to the scan detectors", async () => {
    const scan = (ports: number): RunFlow[] =>
      defaultPolicy.ports.suspicious
        .slice(-ports)
        .map((port) => ({ ...telnet, destination: outside, port, protocol: 17, outcome: Outcome.ignored }));
    expect(await runDetector(suspiciousPort, scan(8))).toHaveLength(1);
    expect(await runDetector(suspiciousPort, scan(9))).toHaveLength(1);
    expect(await runDetector(suspiciousPort, scan(10))).toEqual([]);
  });

  it("is the same in any order, twice and from two sensors", async () => {
    const flows = [telnet, { ...telnet, source: outside }, { ...telnet, destination: "10.0.0.10" }];
    const once = await runDetector(suspiciousPort, flows);
    const again = await runDetector(suspiciousPort, permuted([...flows, ...flows]), {
      sensorsOf: () => [1, 2],
    });
    const place = (found: typeof once): object[] =>
      found.map((finding) => ({ ...finding, evidence: [], samples: [] }));
    expect(place(again)).toEqual(place(once));
  });
});
