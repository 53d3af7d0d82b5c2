import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { scenarioStartMs, type ScenarioFlow } from "../engine/flow-scenario.js";
import { benignMix } from "../engine/scenarios.js";
import { incidentsOf } from "./golden-run.js";

const target = "10.9.0.13";

/** Datagrams of spoofed sources at one game server. */
function datagrams(perSecond: number, seconds: number): ScenarioFlow[] {
  return Array.from({ length: perSecond * seconds }, (_, index) => ({
    source: `198.18.${index >> 8}.${index & 255}`,
    destination: target,
    port: 27_020,
    protocol: 17,
    sourcePort: 30_000 + (index % 30_000),
    timeMs: scenarioStartMs + 62_000 + Math.floor((index * 1000) / perSecond),
    outcome: Outcome.ignored,
  }));
}

/** A long flow of so many packets a second. */
function stream(packetsPerSecond: number, seconds: number, details: Partial<ScenarioFlow>): ScenarioFlow {
  return {
    source: "10.9.0.14",
    destination: target,
    port: 5001,
    protocol: 17,
    timeMs: scenarioStartMs + 61_000,
    durationMs: seconds * 1000,
    outcome: Outcome.ignored,
    forwardPackets: packetsPerSecond * seconds,
    forwardBytes: packetsPerSecond * seconds * 64,
    ...details,
  };
}

describe("a UDP flood", () => {
  it("of spoofed datagrams is one incident", async () => {
    const incidents = await incidentsOf([...datagrams(800, 15), ...benignMix()]);
    expect(incidents).toMatchObject([
      {
        kind: "udp_flood",
        severity: "high",
        technique: "T1498.001",
        targets: [target],
        ports: ["udp/27020"],
      },
    ]);
  });

  it("of one source in one flow, and of pings, is one incident each", async () => {
    const flood = stream(40_000, 30, {});
    const pings = stream(8000, 30, {
      destination: "10.9.0.15",
      protocol: 1,
      port: 8 << 8,
      outcome: Outcome.answered,
    });
    const incidents = await incidentsOf([flood, pings, ...benignMix()]);
    expect(incidents.map(({ kind, sources, targets }) => [kind, ...sources, ...targets]).sort()).toEqual([
      ["udp_flood", "10.9.0.14", target],
      ["udp_flood", "10.9.0.14", "10.9.0.15"],
    ]);
  });

  it("is not a call, a camera, a backup over QUIC, a measurement or a busy resolver", async () => {
    const answered = { outcome: Outcome.answered, reversePackets: 1 };
    const call = stream(50, 50, { ...answered, reversePackets: 2500 });
    const camera = stream(2500, 50, { sourcePort: 5004, forwardBytes: 2500 * 50 * 1316 });
    const backup = stream(60_000, 50, { ...answered, port: 443, reversePackets: 300_000 });
    const measurement = stream(80_000, 10, { ...answered, port: 5201 });
    const questions = datagrams(800, 15).map((flow) => ({ ...flow, port: 53, outcome: Outcome.answered }));
    const kinds = (await incidentsOf([call, camera, backup, measurement, ...questions])).map(
      ({ kind }) => kind,
    );
    expect(kinds).not.toContain("udp_flood");
  });
});
