import { startSliceMs } from "../windows/window-store.js";
import type { Finding } from "./incident.js";

/** Slices around a host's burst in which another host's counts as the same moment (10 seconds). */
const togetherSlices = 2;
/** Contacts shown of each host, and of all. */
const samplesPerHost = 2;
const samplesMax = 12;

/** Each is the primary key of a cross-host burst. */
export const burstDirections = ["inbound", "outbound"] as const;

/** Recent bursts by direction, as JSON holds them. */
export type BurstState = readonly (readonly [direction: string, findings: readonly Finding[]])[];

/** Host bursts of the last slices, by direction: what a cross-host burst is made of. */
export class BurstGroups {
  private readonly recent = new Map<string, RecentBursts>();

  static of(state: BurstState): BurstGroups {
    const groups = new BurstGroups();
    for (const [direction, findings] of state)
      groups.recent.set(direction, new RecentBursts(direction, findings));
    return groups;
  }

  state(): BurstState {
    return [...this.recent].map(([direction, { findings }]) => [direction, findings]);
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
    for (const direction of burstDirections) {
      const now = findings.filter(({ primaryKey }) => primaryKey.startsWith(direction));
      if (now.length === 0) continue;
      let recent = this.recent.get(direction);
      if (recent === undefined) this.recent.set(direction, (recent = new RecentBursts(direction)));
      recent.add(now);
      if (recent.findings.length >= hostsMin) crossing.push(crossHostBurst(recent, now[0], hostsMin));
    }
    return crossing;
  }
}

/** The bursts of one direction within a moment, and how many of them share a peer or a port. */
class RecentBursts {
  findings: readonly Finding[];
  private counted: { readonly peers: SharedNames; readonly ports: SharedNames } | undefined;

  constructor(
    readonly direction: string,
    findings: readonly Finding[] = [],
  ) {
    this.findings = findings;
  }

  get isOutbound(): boolean {
    return this.direction === "outbound";
  }

  /** Counted when first asked for: most copies of a group never are. */
  get shared(): { readonly peers: SharedNames; readonly ports: SharedNames } {
    if (this.counted === undefined) {
      this.counted = { peers: new SharedNames(), ports: new SharedNames() };
      for (const finding of this.findings) this.count(finding, 1);
    }
    return this.counted;
  }

  /** The new ones stay with what other hosts did within the same moment. */
  add(now: readonly Finding[]): void {
    const hosts = new Set(now.map(({ primaryKey }) => primaryKey));
    const isNow = (known: Finding): boolean =>
      Math.abs(now[0].sliceStartMs - known.sliceStartMs) <= togetherSlices * startSliceMs &&
      !hosts.has(known.primaryKey);
    const kept: Finding[] = [];
    for (const known of this.findings)
      if (isNow(known)) kept.push(known);
      else this.count(known, -1);
    for (const finding of now) this.count(finding, 1);
    this.findings = [...kept, ...now];
  }

  private count(finding: Finding, change: 1 | -1): void {
    const { counted } = this;
    if (counted === undefined) return;
    counted.peers.add(this.isOutbound ? finding.targets : finding.sources, change);
    counted.ports.add(finding.ports, change);
  }
}

/** How many hosts have each name, and the one that the most have. */
class SharedNames {
  private readonly counts = new Map<string, number>();
  /** Undefined when it has to be looked for. */
  private best: { readonly name: string; readonly hosts: number } | undefined = { name: "", hosts: 0 };

  add(names: readonly string[], change: 1 | -1): void {
    for (const name of names) {
      const hosts = (this.counts.get(name) ?? 0) + change;
      if (hosts === 0) this.counts.delete(name);
      else this.counts.set(name, hosts);
      if (change < 0 && name === this.best?.name) this.best = undefined;
      else if (change > 0 && this.best !== undefined && isMore(name, hosts, this.best))
        this.best = { name, hosts };
    }
  }

  /** Where those are enough and more than half of all; else none. */
  most(hostsMin: number, hostCount: number): { readonly names: string[]; readonly hosts: number } {
    if (this.best === undefined) {
      this.best = { name: "", hosts: 0 };
      for (const [name, hosts] of this.counts)
        if (isMore(name, hosts, this.best)) this.best = { name, hosts };
    }
    const { name, hosts } = this.best;
    return hosts < hostsMin || hosts * 2 <= hostCount ? { names: [], hosts: 0 } : { names: [name], hosts };
  }
}

function isMore(
  name: string,
  hosts: number,
  than: { readonly name: string; readonly hosts: number },
): boolean {
  return hosts > than.hosts || (hosts === than.hosts && name < than.name);
}

function crossHostBurst(recent: RecentBursts, newest: Finding, hostsMin: number): Finding {
  const { direction, findings: bursts, isOutbound, shared } = recent;
  const byOnset = [...bursts].sort(
    (a, b) => a.sliceStartMs - b.sliceStartMs || (a.primaryKey < b.primaryKey ? -1 : 1),
  );
  const hosts = byOnset.map(({ primaryKey }) => primaryKey.slice(direction.length + 1));
  const peer = shared.peers.most(hostsMin, bursts.length);
  const port = shared.ports.most(hostsMin, bursts.length);
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
