import { describe, expect, it } from "vitest";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { scenarioStartMs, spreadFlows, type ScenarioFlow, type Spread } from "./flow-scenario.js";
import { memoryPorts } from "./memory-ports.js";
import { activeIncidents, runEngine } from "./run-engine.js";
import { benignMix, dividedGrid, jointBurst, portScan, sharedSweep, slowSource } from "./scenarios.js";

const untilMs = scenarioStartMs + 3_600_000;

async function incidentsOf(
  flows: readonly ScenarioFlow[],
  spread: Partial<Spread> = {},
): Promise<Incident[]> {
  const batches = spreadFlows(flows, { sensors: 8, seed: 5, ...spread });
  return activeIncidents(await runEngine(memoryPorts(), batches, { correlators: 1, seed: 5, untilMs }));
}

describe("scans through the engine in memory", () => {
  it("makes one incident of ten sources that share one sweep", async () => {
    const [incident, ...others] = await incidentsOf([...sharedSweep(), ...benignMix()]);
    expect(others).toEqual([]);
    expect(incident).toMatchObject({
      kind: "distributed_scan",
      severity: "medium",
      confirmation: "confirmed",
      sourceCount: 10,
      targetCount: 8,
      portCount: 3,
      contactCount: 60,
    });
    expect(incident.evidence.map(({ sensor }) => sensor)).toEqual([
      "sensor-0",
      "sensor-1",
      "sensor-2",
      "sensor-3",
      "sensor-4",
      "sensor-5",
      "sensor-6",
      "sensor-7",
    ]);
  });

  it("sees nothing in the shared sweep when each host is correlated alone", async () => {
    for (let target = 0; target < 8; target++) {
      const alone = sharedSweep().filter(({ destination }) => destination === `10.9.0.${10 + target}`);
      expect(alone.length).toBeGreaterThan(3);
      expect(await incidentsOf(alone, { sensors: 1 })).toEqual([]);
    }
  });

  it("makes one incident of one source that probes each host twice", async () => {
    const incidents = await incidentsOf([...slowSource(), ...benignMix()]);
    expect(incidents).toHaveLength(1);
    expect(incidents[0]).toMatchObject({
      kind: "horizontal_scan",
      sources: ["10.9.7.7"],
      contactCount: 16,
      targetCount: 8,
    });
  });

  it("finds a vertical scan of one host", async () => {
    const incidents = await incidentsOf(portScan());
    expect(incidents).toHaveLength(1);
    expect(incidents[0]).toMatchObject({
      kind: "vertical_scan",
      severity: "high",
      sources: ["203.0.113.66"],
      technique: "T1595",
    });
  });

  it("names a campaign when one prefix divides a grid without overlap", async () => {
    const incidents = await incidentsOf(dividedGrid());
    expect(incidents).toHaveLength(1);
    expect(incidents[0]).toMatchObject({ kind: "campaign", sourceCount: 16 });
  });

  it("names the hosts that burst in the same seconds", async () => {
    const incidents = await incidentsOf(jointBurst());
    expect(incidents).toHaveLength(1);
    expect(incidents[0]).toMatchObject({
      kind: "cross_host_burst",
      sources: ["10.9.0.10", "10.9.0.11", "10.9.0.12", "10.9.0.13"],
      targets: ["192.0.2.80"],
      ports: ["tcp/80"],
      summary: expect.stringMatching(/^4 hosts burst out .*, to 192\.0\.2\.80, tcp\/80\)$/),
    });
  });

  it("stays silent when two hosts burst", async () => {
    expect(await incidentsOf(jointBurst(1, 2))).toEqual([]);
  });

  it("stays silent on ordinary traffic", async () => {
    expect(await incidentsOf(benignMix(3, 5000))).toEqual([]);
  });
});
