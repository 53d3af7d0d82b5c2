import type { Incident } from "@picket/correlator/incidents/incident.js";
import { describe, expect, it } from "vitest";
import type { ScenarioFlow } from "../engine/flow-scenario.js";
import { activeIncidents, confirmedTerms } from "../engine/run-engine.js";
import { fleetTraffic, incidentsOfFleet, unanswered } from "./dark-run.js";
import { connection } from "./profile-run.js";

const inside = "10.9.0.3";
const outside = "203.0.113.66";

function times(count: number, flow: (index: number) => ScenarioFlow): ScenarioFlow[] {
  return Array.from({ length: count }, (_, index) => flow(index));
}

/** A scan of free addresses of which every step hides behind a new web site. */
function hiddenScan(): ScenarioFlow[] {
  return times(24, (step) => unanswered(605 + step * 10, inside, `10.9.0.${100 + step}`, 445)).concat(
    times(24, (step) => connection(1, 600 + step * 10, inside, `198.51.100.${step + 1}`, 443)),
  );
}

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
    expect(await told(times(5, (k) => unanswered(600 + k * 12, inside, `10.9.0.${100 + k}`, 445)))).toEqual([
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

  it("tell of a scan that hides among as many answers", async () => {
    expect(await told(hiddenScan())).toMatchObject([
      { kind: "horizontal_scan", sources: [inside], ports: ["tcp/445"], confirmation: "confirmed" },
    ]);
  });

  it("tell of an outside source that asks one host for five ports that nobody serves", async () => {
    expect(
      await told(times(5, (k) => unanswered(600 + k * 12, outside, "10.9.0.4", 5000 + k))),
    ).toMatchObject([{ kind: "vertical_scan", sources: [outside], confirmation: "confirmed" }]);
  });

  it("stay silent on what only looks like a search", async () => {
    const benign = [
      // A client of four printers that were taken away, and of one server, at six ports of it.
      ...times(4, (k) => unanswered(600 + k, "10.9.0.5", `10.9.0.${100 + k}`, 9100)),
      ...times(6, (k) => unanswered(600 + k, "10.9.0.6", "10.9.0.120", [445, 139, 80, 443, 5985, 22][k])),
      ...times(200, (k) => unanswered(600 + k, "10.9.0.7", "10.9.0.121", 389)),
      // A server that asks, before it gives an address away, whether somebody has it.
      ...times(6, (k) => ({
        ...unanswered(600 + k * 9, "10.9.0.8", `10.9.0.${130 + k}`, 8 << 8),
        protocol: 1,
      })),
      // Phones that look for each other.
      ...times(20, (k) => ({
        ...unanswered(600 + k * 9, "10.9.0.9", `10.9.0.${150 + k}`, 5060),
        protocol: 17,
      })),
      // A balancer that checks machines that are still asleep, and start something later.
      ...times(6, (k) => unanswered(600, "10.9.0.10", `10.9.0.${180 + k}`, 8080)),
      ...times(6, (k) => connection(1, 605, `10.9.0.${180 + k}`, "10.9.0.1", 443)),
      // A mail program outside whose server here is filtered.
      ...times(4, (k) => unanswered(600, outside, "10.9.0.11", [143, 465, 587, 993][k])),
    ];
    expect(await told(benign)).toEqual([]);
  });

  it("stay silent where the fleet is known for less than a day", async () => {
    const flows = hiddenScan().map((flow) => ({ ...flow, timeMs: flow.timeMs - 86_400_000 }));
    expect(await told(flows)).toEqual([]);
  });

  it("give the same incidents however the flows are split", async () => {
    const scans = [...hiddenScan(), ...times(5, (k) => unanswered(700 + k, outside, "10.9.0.4", 5000 + k))];
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
