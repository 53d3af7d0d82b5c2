import { startSliceMs } from "../windows/window-store.js";
import type { Finding } from "./incident.js";

/** Slices around a host's burst in which another host's counts as the same moment (10 seconds). */
const togetherSlices = 2;
/** Contacts shown of each host, and of all. */
const samplesPerHost = 2;
const samplesMax = 12;

/** Recent bursts by direction, as JSON holds them. */
export type BurstState = readonly (readonly [direction: string, findings: readonly Finding[]])[];

/** Host bursts of the last slices, by direction: what a cross-host burst is made of. */
export class BurstGroups {
  private readonly recent = new Map<string, Finding[]>();

  static of(state: BurstState): BurstGroups {
    const groups = new BurstGroups();
    for (const [direction, findings] of state) groups.recent.set(direction, [...findings]);
    return groups;
  }

  state(): BurstState {
    return [...this.recent].map(([direction, findings]) => [direction, [...findings]]);
  }

  clone(): BurstGroups {
    return BurstGroups.of(this.state());
  }

  /**
   * Adds the host bursts of one slice; the cross-host bursts of this moment, one
   * a direction where enough hosts burst within it. Hosts are in order of onset.
   */
  add(findings: readonly Finding[], hostsMin: number): Finding[] {
    const crossing: Finding[] = [];
    for (const direction of ["inbound", "outbound"]) {
      const now = findings.filter(({ primaryKey }) => primaryKey.startsWith(direction));
      if (now.length === 0) continue;
      const recent = this.recentWith(direction, now);
      this.recent.set(direction, recent);
      if (recent.length >= hostsMin) crossing.push(crossHostBurst(direction, now[0], recent, hostsMin));
    }
    return crossing;
  }

  /** The new ones and what other hosts did within the same moment. */
  private recentWith(direction: string, now: readonly Finding[]): Finding[] {
    const hosts = new Set(now.map(({ primaryKey }) => primaryKey));
    const earlier = (this.recent.get(direction) ?? []).filter(
      (known) =>
        Math.abs(now[0].sliceStartMs - known.sliceStartMs) <= togetherSlices * startSliceMs &&
        !hosts.has(known.primaryKey),
    );
    return [...earlier, ...now];
  }
}

function crossHostBurst(
  direction: string,
  newest: Finding,
  bursts: readonly Finding[],
  hostsMin: number,
): Finding {
  const byOnset = [...bursts].sort(
    (a, b) => a.sliceStartMs - b.sliceStartMs || (a.primaryKey < b.primaryKey ? -1 : 1),
  );
  const hosts = byOnset.map(({ primaryKey }) => primaryKey.slice(direction.length + 1));
  const isOutbound = direction === "outbound";
  const peer = mostShared(byOnset, (burst) => (isOutbound ? burst.targets : burst.sources), hostsMin);
  const port = mostShared(byOnset, ({ ports }) => ports, hostsMin);
  const [sources, targets] = isOutbound ? [hosts, peer.names] : [peer.names, hosts];
  const flows = bursts.reduce((sum, burst) => sum + burst.contactCount, 0);
  return {
    ...newest,
    kind: "cross_host_burst",
    primaryKey: direction,
    severity: hosts.length >= hostsMin * 3 ? "high" : "medium",
    confidence: 0.7,
    factors: [
      { name: "hosts_bursting", value: hosts.length, threshold: hostsMin, weight: 0.6 },
      { name: "new_flows", value: flows, threshold: 0, weight: 0.1 },
      { name: "hosts_sharing_a_peer", value: peer.hosts, threshold: hostsMin, weight: 0 },
      { name: "hosts_sharing_a_port", value: port.hosts, threshold: hostsMin, weight: 0 },
    ].filter(({ weight, value, threshold }) => weight > 0 || value >= threshold),
    sources,
    targets,
    ports: port.names,
    sourceCount: sources.length,
    targetCount: targets.length,
    portCount: port.names.length,
    contactCount: flows,
    confirmed: bursts.every((burst) => burst.confirmed),
    firstSeenMs: byOnset[0].firstSeenMs,
    lastSeenMs: newest.lastSeenMs,
    evidence: byOnset.flatMap((burst) => burst.evidence),
    samples: byOnset.flatMap((burst) => burst.samples.slice(0, samplesPerHost)).slice(0, samplesMax),
  };
}

/** The one name that the most hosts have, where those are enough and more than half; else none. */
function mostShared(
  bursts: readonly Finding[],
  namesOf: (burst: Finding) => readonly string[],
  hostsMin: number,
): { readonly names: string[]; readonly hosts: number } {
  const counts = new Map<string, number>();
  for (const burst of bursts)
    for (const name of namesOf(burst)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const [most] = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  if (most === undefined || most[1] < hostsMin || most[1] * 2 <= bursts.length)
    return { names: [], hosts: 0 };
  return { names: [most[0]], hosts: most[1] };
}
