import type { Incident } from "@picket/correlator/incidents/incident.js";
import { describe, expect, it } from "vitest";
import type { ScenarioFlow } from "../engine/flow-scenario.js";
import { activeIncidents, confirmedTerms } from "../engine/run-engine.js";
import { fleetSpread, fleetTraffic, incidentsOfFleet, incidentsOverWeek } from "./dark-run.js";
import {
  backupOfDay4,
  usedOnDay1,
  darkLookAlikes,
  darkPorts,
  freeAddresses,
  freeAddressesAround,
  hiddenScan,
  inside,
  outside,
} from "./dark-scenes.js";

async function told(flows: readonly ScenarioFlow[]): Promise<Partial<Incident>[]> {
  const incidents = activeIncidents(await incidentsOfFleet([...fleetTraffic(), ...flows]));
  return incidents.map(({ kind, severity, sources, ports, technique, confirmation }) => ({
    kind,
    severity,
    sources,
    ports,
    technique,
    confirmation,
  }));
}

describe("dark contacts", () => {
  it("tell of an inside host that tries five free addresses in an hour", async () => {
    expect(await told(freeAddresses(5))).toEqual([
      {
        kind: "horizontal_scan",
        severity: "low",
        sources: [inside],
        ports: ["tcp/445"],
        technique: "T1046",
        confirmation: "confirmed",
      },
    ]);
  });

  it.each([
    ["of the /24 around a sensor that is too old to tell its network", undefined, 3, 0],
    ["of the network that the sensors tell, wider than a /24", "10.9.0.0/23", 3, 1],
    ["of no other half of a /24", "10.9.0.0/26", 3, 0],
  ])("are free addresses %s", async (_, network, count, incidents) => {
    const flows = [...fleetTraffic(), ...freeAddressesAround(count)];
    const told = activeIncidents(await incidentsOfFleet(flows, { ...fleetSpread, network }));
    expect(told.map(({ sources }) => sources)).toEqual(Array.from({ length: incidents }, () => [inside]));
  });

  it("tell of a scan that hides among as many answers", async () => {
    expect(await told(hiddenScan(24))).toMatchObject([
      { kind: "horizontal_scan", sources: [inside], ports: ["tcp/445"], confirmation: "confirmed" },
    ]);
  });

  it("tell of an outside source that asks one host for five ports that nobody serves", async () => {
    expect(await told(darkPorts(5))).toMatchObject([
      { kind: "vertical_scan", sources: [outside], confirmation: "confirmed" },
    ]);
  });

  it("stay silent on what only looks like a search", async () => {
    expect(await told(darkLookAlikes())).toEqual([]);
  });

  it("stay silent on machines that are off for days, and not on addresses that were always free", async () => {
    const told = async (flows: ScenarioFlow[]): Promise<Incident[]> =>
      activeIncidents(await incidentsOverWeek([...fleetTraffic(4), ...flows, ...usedOnDay1(100)], 4));
    expect(await told(backupOfDay4(100))).toEqual([]);
    expect(await told(backupOfDay4(150))).toMatchObject([{ kind: "horizontal_scan", sources: ["10.9.0.1"] }]);
  });

  it("stay silent where the fleet is known for less than a day", async () => {
    const flows = hiddenScan(24).map((flow) => ({ ...flow, timeMs: flow.timeMs - 86_400_000 }));
    expect(await told(flows)).toEqual([]);
  });

  it("give the same incidents however the flows are split", async () => {
    const scans = [...hiddenScan(24), ...darkPorts(5)];
    const terms = async (sensors: number, correlators: number, isRepeated: boolean): Promise<unknown[]> => {
      const spread = { sensors, correlators, seed: sensors * 31 + correlators, isRepeated };
      return confirmedTerms(await incidentsOfFleet([...fleetTraffic(), ...scans], spread));
    };
    const expected = await terms(1, 1, false);
    expect(expected).toHaveLength(2);
    for (const sensors of [1, 8])
      for (const correlators of [1, 4]) expect(await terms(sensors, correlators, true)).toEqual(expected);
  });
});
