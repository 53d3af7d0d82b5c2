import { Correlator } from "@picket/correlator/pipeline.js";
import type { IncidentEvent } from "@picket/correlator/incidents/incident.js";
import { isDrill } from "@picket/correlator/incidents/drill.js";
import { drillScan } from "@picket/deploy/picket/doctor/drill-scan.js";
import { expect, it } from "vitest";
import { deliveryOf, packFlows, scenarioStartMs } from "./flow-scenario.js";
import { memoryPorts } from "./memory-ports.js";
import { portScan } from "./scenarios.js";

const minuteMs = 60_000;

/** Events up to now, oldest first. */
async function eventsOf(ports: ReturnType<typeof memoryPorts>): Promise<IncidentEvent[]> {
  const events: IncidentEvent[] = [];
  const stop = new AbortController();
  const end = await ports.incidents.latestCursor?.();
  for await (const item of ports.incidents.watch("0", stop.signal)) {
    if (item.kind === "event") events.push(item.event);
    if (item.cursor === end) stop.abort();
  }
  return events;
}

it("a drill is found at once, tells nobody, and is closed ten minutes after its slice; a real scan is not", async () => {
  const ports = memoryPorts();
  const correlator = new Correlator(ports, { owner: "only", seed: 1 });
  const columns = drillScan(scenarioStartMs + minuteMs).columns;
  columns.sequence = 1;
  columns.epoch.fill(3);
  const real = packFlows(portScan(1, 60, scenarioStartMs + minuteMs), "lab-01", 100);
  await correlator.applyDeliveries(
    [{ sensor: "doctor-hq", columns }, ...real].map(deliveryOf),
    scenarioStartMs,
  );
  await correlator.tick(scenarioStartMs, scenarioStartMs + 2 * minuteMs);
  const [opened] = (await eventsOf(ports)).filter(({ incident }) => isDrill(incident));
  expect(opened).toMatchObject({ type: "opened", notify: false, incident: { kind: "vertical_scan" } });

  for (let minute = 3; minute <= 23; minute++) {
    const nowMs = scenarioStartMs + minute * minuteMs;
    await correlator.tick(nowMs, nowMs);
    await correlator.tick(nowMs, nowMs + 2000);
  }
  const events = await eventsOf(ports);
  const drills = events.filter(({ incident }) => isDrill(incident));
  expect(drills.map(({ notify }) => notify)).not.toContain(true);
  expect(drills.at(-1)).toMatchObject({ incident: { state: "closed", confirmation: "confirmed" } });
  const scans = events.filter(({ incident }) => !isDrill(incident));
  expect(scans[0]).toMatchObject({ type: "opened", notify: true });
  expect(scans.at(-1)?.incident.state).not.toBe("closed");
});
