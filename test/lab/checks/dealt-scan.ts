import { IncidentKind, type Incident } from "@picket/proto/generated/picket/v1/incident.js";
import { dealtScanSources, hosts } from "../address-plan.js";
import { describeIncidents } from "../incident-facts.js";
import type { Lab } from "../lab.js";
import type { Report } from "../report.js";
import { nmapScan } from "../scans.js";
import { pass } from "../until.js";

const incidentMaxMs = 10_000;
const settleMs = 2500;
const portsEach = 10;
const target = hosts[0].address;

/** The ports of one host dealt out to several sources: one incident that names them all. */
export async function checkDealtScan(lab: Lab, report: Report): Promise<void> {
  const before = lab.watch.active().length;
  await Promise.all(
    dealtScanSources.map((source, index) => nmapScan(source, { hosts: [target], ports: portsOf(index) })),
  );
  const found = await lab.watch.untilIncident(isWhole, incidentMaxMs);
  await pass(settleMs);
  const own = lab.watch.activeOf(dealtScanSources[0].address);
  const isOne = own.length === 1 && isWhole(own[0]) && lab.watch.active().length === before + 1;
  report.check(
    found !== undefined && isOne,
    "a scan whose ports are dealt out is one incident",
    describeIncidents(own),
  );
}

/** Every sixth port from 2000 on, where nothing listens. */
function portsOf(source: number): number[] {
  return Array.from({ length: portsEach }, (_, nth) => 2000 + nth * dealtScanSources.length + source);
}

function isWhole({ kind, sources, targets }: Incident): boolean {
  return (
    kind === IncidentKind.INCIDENT_KIND_DISTRIBUTED_SCAN &&
    targets.length === 1 &&
    dealtScanSources.every(({ address }) => sources.includes(address))
  );
}
