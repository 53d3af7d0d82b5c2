import { hosts, smallSources } from "../address-plan.js";
import { runCommand } from "../command.js";
import { labProgram, type Lab } from "../lab.js";
import type { ProbeTimes, SmallScan } from "../probe-times.js";
import type { Report } from "../report.js";
import { until } from "../until.js";

const pauseMs = 150;
const probesPerScan = 8;
/** The sequential test decides at this failure; a refused probe is decided when it is answered, at once. */
const decidingProbe = 7;
const incidentsMaxMs = 10_000;
const p99MaxMs = 2000;

/** From the packet that decides the outcome to the incident on WatchIncidents. */
export async function checkDelay(lab: Lab, report: Report): Promise<void> {
  const output = await runCommand(labProgram("prober", String(pauseMs), JSON.stringify(scans())), {
    namespace: smallSources[0].namespace,
  });
  const times = output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as ProbeTimes);
  await until(() => times.every(({ source }) => arrivalMs(lab, source) !== undefined), incidentsMaxMs);
  const delaysMs = times.map(
    ({ source, sentMs }) => (arrivalMs(lab, source) ?? Infinity) - sentMs[decidingProbe - 1],
  );
  const late = delaysMs.filter((delayMs) => !Number.isFinite(delayMs)).length;
  const sorted = delaysMs.toSorted((a, b) => a - b);
  const [p50, p99] = [quantile(sorted, 0.5), quantile(sorted, 0.99)];
  report.check(
    late === 0 && p99 < p99MaxMs,
    "delay from the deciding packet to the incident",
    `${times.length} scans, p50 ${Math.round(p50)} ms, p99 ${Math.round(p99)} ms (bar ${p99MaxMs} ms), ${late} missing`,
  );
  const apart = smallSources.every(({ address }) => lab.watch.activeOf(address).length === 1);
  report.check(apart, "each small scan is one incident", `${lab.watch.active().length} active in all`);
}

/** Ports of its own for each source, so that none of the scans looks like a shared one. */
function scans(): SmallScan[] {
  return smallSources.map(({ address }, index) => ({
    source: address,
    host: hosts[index % hosts.length].address,
    ports: Array.from({ length: probesPerScan }, (_, port) => 30_000 + index * probesPerScan + port),
  }));
}

function arrivalMs(lab: Lab, source: string): number | undefined {
  return lab.watch.events.find(({ incident }) => incident.sources.includes(source))?.arrivedMs;
}

/** Nearest rank. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}
