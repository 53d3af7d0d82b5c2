import {
  burstDirections,
  bytesFactorName,
  isOfSources,
  isVolume,
  type BurstDirection,
} from "./burst-direction.js";
import type { Finding, ScoreFactor } from "./incident.js";
import { NamedBursts, nothingShared, type Shared } from "./named-bursts.js";

/** Slices around a host's burst in which another host's counts as the same moment (10 seconds; 2 minutes of bytes). */
const togetherSlices = 2;
/** Contacts shown of each host, and of all. */
const samplesPerHost = 2;
const samplesMax = 12;
/** Ports of a host that may be the one which all share; a host with more bursts at no port in particular. */
const portsTried = 8;

/** Recent bursts by direction, as JSON holds them. */
export type BurstState = readonly (readonly [direction: BurstDirection, findings: readonly Finding[]])[];

/** How far from a burst others are in the same moment, milliseconds. */
export function momentOf({ sliceStartMs, sliceEndMs }: Finding): number {
  return togetherSlices * (sliceEndMs - sliceStartMs);
}

/** Host bursts of the last slices, by direction: what a cross-host burst is made of. */
export class BurstGroups {
  private readonly recent = new Map<BurstDirection, RecentBursts>();

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
   * Adds the host bursts of one slice; the cross-host bursts of this moment that
   * they are part of, by direction: one for each peer that enough hosts share,
   * the largest first, and one of the hosts that share none.
   */
  add(findings: readonly Finding[], hostsMin: number): Finding[] {
    const crossing: Finding[] = [];
    for (const direction of burstDirections) {
      const now = findings.filter(({ primaryKey }) => primaryKey.startsWith(direction));
      if (now.length === 0) continue;
      let recent = this.recent.get(direction);
      if (recent === undefined) this.recent.set(direction, (recent = new RecentBursts(direction)));
      recent.add(now);
      for (const group of recent.groupsOf(now, hostsMin))
        crossing.push(crossHostBurst(direction, group, now[0], hostsMin));
    }
    return crossing;
  }
}

/** Hosts that burst together, and what they share. */
interface BurstGroup {
  readonly bursts: readonly Finding[];
  readonly peer: Shared;
  readonly port: Shared;
}

/** The bursts of one direction within a moment. */
class RecentBursts {
  findings: readonly Finding[];
  private known: { readonly peers: NamedBursts; readonly ports: NamedBursts } | undefined;

  constructor(
    private readonly direction: BurstDirection,
    findings: readonly Finding[] = [],
  ) {
    this.findings = findings;
  }

  /** The new ones stay with what other hosts did within the same moment. */
  add(now: readonly Finding[]): void {
    const hosts = new Set(now.map(({ primaryKey }) => primaryKey));
    const isNow = (known: Finding): boolean =>
      Math.abs(now[0].sliceStartMs - known.sliceStartMs) <= momentOf(now[0]) && !hosts.has(known.primaryKey);
    const kept: Finding[] = [];
    for (const known of this.findings)
      if (isNow(known)) kept.push(known);
      else this.forget(known);
    for (const finding of now) this.note(finding);
    this.findings = [...kept, ...now];
  }

  /** The groups that the new bursts are part of; what is too small for one stays with the largest. */
  groupsOf(now: readonly Finding[], hostsMin: number): BurstGroup[] {
    if (this.findings.length < hostsMin) return [];
    const { peers } = this.names;
    const shared = peers.largest(now.map(this.peersOf), hostsMin);
    const others = this.findings.filter((finding) => !peers.isShared(this.peersOf(finding), hostsMin));
    const groups = shared.map((peer) => this.group([...peer.bursts], peer, hostsMin));
    const isOther = now.some((finding) => others.includes(finding));
    if (others.length >= hostsMin)
      return isOther ? [...groups, this.group(others, nothingShared, hostsMin)] : groups;
    return groups.map((group, index) =>
      index === 0 ? { ...group, bursts: [...group.bursts, ...others] } : group,
    );
  }

  private group(bursts: readonly Finding[], peer: Shared, hostsMin: number): BurstGroup {
    const ports = bursts.map((burst) => burst.ports.slice(0, portsTried));
    const [port] = this.names.ports.largest(ports, hostsMin);
    const having = bursts.filter((burst) => port?.bursts.has(burst));
    const isShared = having.length >= hostsMin && having.length * 2 > bursts.length;
    return { bursts, peer, port: isShared ? { name: port.name, bursts: new Set(having) } : nothingShared };
  }

  /** Collected when first asked for: most copies of a group never are. */
  private get names(): { readonly peers: NamedBursts; readonly ports: NamedBursts } {
    if (this.known === undefined) {
      this.known = { peers: new NamedBursts(), ports: new NamedBursts() };
      for (const finding of this.findings) this.note(finding);
    }
    return this.known;
  }

  private note(finding: Finding): void {
    this.known?.peers.add(finding, this.peersOf(finding));
    this.known?.ports.add(finding, finding.ports);
  }

  private forget(finding: Finding): void {
    this.known?.peers.remove(finding, this.peersOf(finding));
    this.known?.ports.remove(finding, finding.ports);
  }

  private readonly peersOf = ({ sources, targets }: Finding): readonly string[] =>
    isOfSources(this.direction) ? targets : sources;
}

function crossHostBurst(
  direction: BurstDirection,
  { bursts, peer, port }: BurstGroup,
  newest: Finding,
  hostsMin: number,
): Finding {
  const byOnset = [...bursts].sort(
    (a, b) => a.firstSeenMs - b.firstSeenMs || (a.primaryKey < b.primaryKey ? -1 : 1),
  );
  const hosts = byOnset.map(({ primaryKey }) => primaryKey.slice(direction.length + 1));
  const [peers, ports] = [peer, port].map(({ name }) => (name === "" ? [] : [name]));
  const [sources, targets] = isOfSources(direction) ? [hosts, peers] : [peers, hosts];
  return {
    ...newest,
    kind: "cross_host_burst",
    primaryKey: [direction, ...peers].join(" "),
    ...weighed(direction, { bursts, peer, port }, hostsMin),
    sources,
    targets,
    ports,
    sourceCount: sources.length,
    targetCount: targets.length,
    portCount: ports.length,
    contactCount: bursts.reduce((sum, burst) => sum + burst.contactCount, 0),
    confirmed: bursts.every((burst) => burst.confirmed),
    firstSeenMs: byOnset[0].firstSeenMs,
    lastSeenMs: newest.lastSeenMs,
    evidence: byOnset.flatMap((burst) => burst.evidence),
    samples: byOnset.flatMap((burst) => burst.samples.slice(0, samplesPerHost)).slice(0, samplesMax),
  };
}

/** Many bytes at once are a backup or an update far more often than anything else. */
function weighed(
  direction: BurstDirection,
  { bursts, peer, port }: BurstGroup,
  hostsMin: number,
): Pick<Finding, "severity" | "confidence" | "factors"> {
  const hosts = { name: "hosts_bursting", value: bursts.length, threshold: hostsMin };
  const shared = [
    { name: "hosts_sharing_a_peer", value: peer.bursts.size, threshold: hostsMin, weight: 0 },
    { name: "hosts_sharing_a_port", value: port.bursts.size, threshold: hostsMin, weight: 0 },
  ].filter(({ value, threshold }) => value >= threshold);
  if (isVolume(direction)) {
    const factors: ScoreFactor[] = [{ ...hosts, weight: 0.4 }, sumOf(bytesFactorName, 0.05, bursts, bytesIn)];
    return { severity: "low", confidence: 0.45, factors: [...factors, ...shared] };
  }
  const flows = sumOf("new_flows", 0.1, bursts, ({ contactCount }) => contactCount);
  const severity = bursts.length >= hostsMin * 3 ? "high" : "medium";
  return { severity, confidence: 0.7, factors: [{ ...hosts, weight: 0.6 }, flows, ...shared] };
}

function sumOf(
  name: string,
  weight: number,
  bursts: readonly Finding[],
  valueOf: (burst: Finding) => number,
): ScoreFactor {
  return { name, value: bursts.reduce((sum, burst) => sum + valueOf(burst), 0), threshold: 0, weight };
}

function bytesIn({ factors }: Finding): number {
  return factors.find(({ name }) => name === bytesFactorName)?.value ?? 0;
}
