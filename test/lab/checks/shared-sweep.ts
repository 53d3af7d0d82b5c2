import type { Incident } from "@picket/proto/generated/picket/v1/incident.js";
import { hosts, sweepSources } from "../address-plan.js";
import { delayText, describeIncidents, evidenceSensors, lastProbeMs } from "../incident-facts.js";
import type { Lab } from "../lab.js";
import type { Report } from "../report.js";
import { hpingScan, nmapScan } from "../scans.js";
import { isWithinLimits, measureSweep, plannedProbes, sweepPlan, type SweepCounts } from "../sweep-plan.js";
import { pass, until } from "../until.js";

const incidentMaxMs = 10_000;
const settleMs = 2500;

/** Ten sources share one sweep, each too small to notice: one incident that names them all. */
export async function checkSharedSweep(lab: Lab, report: Report): Promise<void> {
  const planned = measureSweep(plannedProbes());
  report.check(isWithinLimits(planned), "the sweep stays below every limit", limitsText(planned));
  await Promise.all(
    sweepPlan.map((share, index) =>
      index % 2 === 0 ? nmapScan(share.source, share) : hpingScan(share.source, share),
    ),
  );
  const found = await lab.watch.untilIncident(isWholeSweep, incidentMaxMs);
  await pass(settleMs);
  await checkMetered(lab, report);
  const active = lab.watch.active();
  const delayMs = found === undefined ? Infinity : found.arrivedMs - lastProbeMs(lab, addresses);
  const isOne = active.length === 1 && isWholeSweep(active[0]);
  report.check(
    found !== undefined && delayMs <= incidentMaxMs && isOne,
    "one incident names all ten sources and every sensor",
    `${delayText(delayMs)}; ${describeIncidents(active)}`,
  );
}

const addresses = sweepSources.map(({ address }) => address);

function isWholeSweep(incident: Incident): boolean {
  return (
    addresses.every((address) => incident.sources.includes(address)) &&
    evidenceSensors(incident).length === hosts.length
  );
}

/** The tools did what the plan says, by what the sensors metered. */
async function checkMetered(lab: Lab, report: Report): Promise<void> {
  const expected = plannedProbes().length;
  const metered = () =>
    addresses.flatMap((address) => lab.recorder.flowsOf(address)).filter(({ packets }) => packets > 0);
  await until(() => metered().length >= expected, incidentMaxMs);
  const probes = metered().flatMap((flow) => Array.from({ length: flow.packets }, () => flow));
  const counts = measureSweep(probes);
  report.check(
    probes.length === expected && isWithinLimits(counts),
    "the sensors metered just that",
    `${probes.length} of ${expected} probes, ${limitsText(counts)}`,
  );
}

function limitsText(counts: SweepCounts): string {
  return (
    `at most ${counts.probesPerSource} probes a source, ${counts.probesPerSourceAndHost} from one source ` +
    `at a host, ${counts.sourcesPerHost} sources at a host`
  );
}
