import { hosts, sweepSources, type LabSource } from "./address-plan.js";

/** What one source probes: every port on every one of these hosts, once. */
export interface SweepShare {
  readonly source: LabSource;
  readonly hosts: readonly string[];
  readonly ports: readonly number[];
}

/** The largest counts that occur in a sweep. */
export interface SweepCounts {
  readonly probesPerSource: number;
  readonly probesPerSourceAndHost: number;
  readonly sourcesPerHost: number;
}

/** Limits below which no source and no host can see the sweep on its own. */
const sweepLimits: SweepCounts = { probesPerSource: 6, probesPerSourceAndHost: 3, sourcesPerHost: 3 };

const ports = [2323, 5900, 8443];

/** Source i probes the hosts 2i and 2i + 1 (modulo 8) on three ports that are closed everywhere. */
export const sweepPlan: readonly SweepShare[] = sweepSources.map((source, i) => ({
  source,
  hosts: [hosts[(2 * i) % 8].address, hosts[(2 * i + 1) % 8].address],
  ports,
}));

/** One probe. */
export interface Probe {
  readonly source: string;
  readonly destination: string;
}

/** The probes of the plan. */
export function plannedProbes(): Probe[] {
  return sweepPlan.flatMap(({ source, hosts: targets, ports: probed }) =>
    targets.flatMap((destination) => probed.map(() => ({ source: source.address, destination }))),
  );
}

export function measureSweep(probes: readonly Probe[]): SweepCounts {
  const perSource = new Map<string, number>();
  const perPair = new Map<string, number>();
  const sourcesOfHost = new Map<string, Set<string>>();
  for (const { source, destination } of probes) {
    perSource.set(source, (perSource.get(source) ?? 0) + 1);
    const pair = `${source} ${destination}`;
    perPair.set(pair, (perPair.get(pair) ?? 0) + 1);
    const known = sourcesOfHost.get(destination) ?? new Set();
    sourcesOfHost.set(destination, known.add(source));
  }
  return {
    probesPerSource: Math.max(0, ...perSource.values()),
    probesPerSourceAndHost: Math.max(0, ...perPair.values()),
    sourcesPerHost: Math.max(0, ...[...sourcesOfHost.values()].map(({ size }) => size)),
  };
}

export function isWithinLimits(measured: SweepCounts): boolean {
  return (
    measured.probesPerSource <= sweepLimits.probesPerSource &&
    measured.probesPerSourceAndHost <= sweepLimits.probesPerSourceAndHost &&
    measured.sourcesPerHost <= sweepLimits.sourcesPerHost
  );
}
