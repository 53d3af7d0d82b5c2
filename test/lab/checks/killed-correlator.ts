import { hosts, loudSource } from "../address-plan.js";
import { describeIncidents, lastProbeMs } from "../incident-facts.js";
import type { Lab } from "../lab.js";
import type { Report } from "../report.js";
import { nmapScan } from "../scans.js";
import { pass, until } from "../until.js";

const targets = hosts.slice(0, 4).map(({ address }) => address);
const ports = Array.from({ length: 40 }, (_, index) => 7000 + index);
const probes = targets.length * ports.length;
const probesPerSecond = 40;
const incidentMaxMs = 10_000;
const settleMs = 2500;

/**
 * SIGKILL of a correlator, the one that groups findings, in the middle of a
 * scan: the incident comes, once, and no contact is missing in it.
 */
export async function checkKilledCorrelator(lab: Lab, report: Report): Promise<void> {
  const scan = nmapScan(loudSource, { hosts: targets, ports }, ["--max-rate", String(probesPerSecond)]);
  const isUnderWay = await until(() => metered(lab) >= probes / 4, incidentMaxMs);
  const before = metered(lab);
  await lab.killCorrelator(0);
  await scan;
  const found = await lab.watch.untilIncident(
    ({ sources, contactCount }) => sources.includes(loudSource.address) && contactCount >= BigInt(probes),
    incidentMaxMs + incidentMaxMs / 2,
  );
  const delayMs = found === undefined ? Infinity : found.arrivedMs - lastProbeMs(lab, [loudSource.address]);
  await lab.startCorrelator(0);
  await pass(settleMs);
  const own = lab.watch.activeOf(loudSource.address);
  report.check(
    isUnderWay && found !== undefined && delayMs <= incidentMaxMs && own.length === 1,
    "kill -9 of a correlator in mid-scan costs nothing",
    `killed after ${before} of ${probes} probes, whole ${Math.round(delayMs)} ms after the last; ${describeIncidents(own)}`,
  );
}

function metered(lab: Lab): number {
  return lab.recorder.flowsOf(loudSource.address).length;
}
