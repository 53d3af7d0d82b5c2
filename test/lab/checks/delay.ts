import { defaultPolicy } from "@picket/correlator/policy/policy.js";
import { Confirmation } from "@picket/proto/generated/picket/v1/incident.js";
import { hosts, refusedSources, silencedSources, type LabSource } from "../address-plan.js";
import { runCommand } from "../command.js";
import { labProgram, type Lab } from "../lab.js";
import type { ProbeTimes, SmallScan } from "../probe-times.js";
import type { Report } from "../report.js";
import { until } from "../until.js";

const pauseMs = 150;
/** The sequential test decides at this failure. */
const decidingProbe = 7;
/** Sources with more at one host, each at ports of its own, would be one scan that is dealt out. */
const probesPerScan = decidingProbe;
/** Many sources at one host within 90 seconds are one scan of it: the first host has had its share of others. */
const targets = hosts.slice(1);
const incidentsMaxMs = 10_000;
const p99MaxMs = 2000;

/** From the packet or expiry that decides the outcome to the incident on WatchIncidents. */
export async function checkDelay(lab: Lab, report: Report): Promise<void> {
  const before = lab.watch.active().length;
  // A refused probe is decided by its answer, which comes within the millisecond.
  const refused = scansOf(refusedSources, 30_000);
  await measure(lab, report, "packet", refused, 0);
  const silenced = scansOf(silencedSources, 31_000);
  await measure(lab, report, "expiry", silenced, defaultPolicy.sensor.holdTimeoutMs);
  const all = [...refusedSources, ...silencedSources];
  const apart = all.filter(({ address }) => lab.watch.activeOf(address).length === 1).length;
  const active = lab.watch.active();
  const confirmed = active.filter(
    ({ confirmation }) => confirmation === Confirmation.CONFIRMATION_CONFIRMED,
  ).length;
  report.check(
    apart === all.length && active.length === all.length + before,
    "each small scan is one incident",
    `${apart} of ${all.length}, ${active.length} active in all, ${confirmed} of them confirmed by now`,
  );
}

/** @param decidedAfterMs from the deciding probe to the moment that its outcome is known */
async function measure(
  lab: Lab,
  report: Report,
  what: string,
  scans: readonly SmallScan[],
  decidedAfterMs: number,
): Promise<void> {
  const times = await runScans(scans);
  await until(() => times.every(({ source }) => arrivalMs(lab, source) !== undefined), incidentsMaxMs);
  const delaysMs = times.map(
    ({ source, sentMs }) => (arrivalMs(lab, source) ?? Infinity) - sentMs[decidingProbe - 1] - decidedAfterMs,
  );
  const late = delaysMs.filter((delayMs) => !Number.isFinite(delayMs)).length;
  const early = delaysMs.filter((delayMs) => delayMs < 0).length;
  const sorted = delaysMs.toSorted((a, b) => a - b);
  const [p50, p99] = [quantile(sorted, 0.5), quantile(sorted, 0.99)];
  report.check(
    late === 0 && early === 0 && p99 < p99MaxMs,
    `delay from the deciding ${what} to the incident`,
    `${times.length} scans, p50 ${Math.round(p50)} ms, p99 ${Math.round(p99)} ms (bar ${p99MaxMs} ms), ` +
      `${late} missing, ${early} too early`,
  );
}

async function runScans(scans: readonly SmallScan[]): Promise<ProbeTimes[]> {
  const output = await runCommand(labProgram("prober", String(pauseMs), JSON.stringify(scans)), {
    namespace: refusedSources[0].namespace,
  });
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as ProbeTimes);
}

/** Ports of its own for each source, so that none of the scans looks like a shared one. */
function scansOf(sources: readonly LabSource[], portBase: number): SmallScan[] {
  return sources.map(({ address }, index) => ({
    source: address,
    host: targets[index % targets.length].address,
    ports: Array.from({ length: probesPerScan }, (_, port) => portBase + index * probesPerScan + port),
  }));
}

function arrivalMs(lab: Lab, source: string): number | undefined {
  return lab.watch.events.find(({ incident }) => incident.sources.includes(source))?.arrivedMs;
}

/** Nearest rank. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}
