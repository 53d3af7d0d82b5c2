import { hosts, loudSource } from "../address-plan.js";
import { delayText, describeIncidents, firstProbeMs, lastProbeMs } from "../incident-facts.js";
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
 * SIGKILL of a correlator, the one that groups findings, as soon as a sensor has
 * published some of a scan: the incident comes, once, and no contact is missing.
 */
export async function checkKilledCorrelator(lab: Lab, report: Report): Promise<void> {
  const scan = nmapScan(loudSource, { hosts: targets, ports }, ["--max-rate", String(probesPerSecond)]);
  const isUnderWay = await until(() => metered(lab) > 0, incidentMaxMs);
  const wasKnown = lab.watch.activeOf(loudSource.address).length > 0;
  await lab.killCorrelator(0);
  const before = metered(lab);
  await scan;
  const found = await lab.watch.untilIncident(
    ({ sources, contactCount }) => sources.includes(loudSource.address) && contactCount >= BigInt(probes),
    incidentMaxMs,
  );
  const delayMs = found === undefined ? Infinity : found.arrivedMs - lastProbeMs(lab, [loudSource.address]);
  await lab.startCorrelator(0);
  await pass(settleMs);
  const own = lab.watch.activeOf(loudSource.address);
  report.check(
    isUnderWay && before < probes && found !== undefined && delayMs <= incidentMaxMs && own.length === 1,
    "kill -9 of a correlator in mid-scan costs nothing",
    `killed after ${before} of ${probes} probes, the incident ${wasKnown ? "already" : "not yet"} told; ` +
      `told ${openedText(lab)}, whole ${delayText(delayMs)}; ${describeIncidents(own)}`,
  );
}

/** How long after the first probe the incident was first told. */
function openedText(lab: Lab): string {
  const first = lab.watch.events.find(({ incident }) => incident.sources.includes(loudSource.address));
  if (first === undefined) return "never";
  return `${Math.round(first.arrivedMs - firstProbeMs(lab, loudSource.address))} ms after the first probe`;
}

function metered(lab: Lab): number {
  return lab.recorder.flowsOf(loudSource.address).length;
}
