import type { Incident } from "@picket/proto/generated/picket/v1/incident.js";
import { hosts, slowSource } from "../address-plan.js";
import { delayText, describeIncidents, evidenceSensors, lastProbeMs } from "../incident-facts.js";
import type { Lab } from "../lab.js";
import type { Report } from "../report.js";
import { nmapScan } from "../scans.js";
import { pass } from "../until.js";

const incidentMaxMs = 10_000;
const settleMs = 2500;
const ports = [3389, 5432];

/** One source touches each host twice: one incident with evidence from every sensor. */
export async function checkSlowSource(lab: Lab, report: Report): Promise<void> {
  const before = lab.watch.active().length;
  await nmapScan(slowSource, { hosts: hosts.map(({ address }) => address), ports });
  const found = await lab.watch.untilIncident(isWhole, incidentMaxMs);
  await pass(settleMs);
  const own = lab.watch.activeOf(slowSource.address);
  const delayMs = found === undefined ? Infinity : found.arrivedMs - lastProbeMs(lab, [slowSource.address]);
  const isOne = own.length === 1 && isWhole(own[0]) && lab.watch.active().length === before + 1;
  report.check(
    found !== undefined && isOne,
    "one source that probes each host twice is one incident",
    `${delayText(delayMs)}; ${describeIncidents(own)}`,
  );
}

function isWhole(incident: Incident): boolean {
  return incident.sources.includes(slowSource.address) && evidenceSensors(incident).length === hosts.length;
}
