import { startSliceMs } from "../windows/window-store.js";
import type { Finding } from "./incident.js";

/** Slices around a host's burst in which another host's counts as the same moment (10 seconds). */
const togetherSlices = 2;

/** Host bursts of the last slices, by direction: what a cross-host burst is made of. */
export class BurstGroups {
  private readonly recent = new Map<string, Finding[]>();

  clone(): BurstGroups {
    const copy = new BurstGroups();
    for (const [direction, findings] of this.recent) copy.recent.set(direction, [...findings]);
    return copy;
  }

  /**
   * Adds the host bursts of one slice; the cross-host bursts of this moment, one
   * a direction where enough hosts burst within it. Hosts are in order of onset.
   */
  add(findings: readonly Finding[], hostsMin: number): Finding[] {
    const crossing: Finding[] = [];
    for (const direction of ["inbound", "outbound"]) {
      const now = findings.filter((finding) => finding.targets.length > 0 === (direction === "inbound"));
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
  const hosts = byOnset.flatMap((burst) => [...burst.sources, ...burst.targets]);
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
    ],
    sources: direction === "outbound" ? hosts : [],
    targets: direction === "inbound" ? hosts : [],
    sourceCount: direction === "outbound" ? hosts.length : 0,
    targetCount: direction === "inbound" ? hosts.length : 0,
    contactCount: flows,
    confirmed: bursts.every((burst) => burst.confirmed),
    firstSeenMs: byOnset[0].firstSeenMs,
    lastSeenMs: newest.lastSeenMs,
    evidence: bursts.flatMap((burst) => burst.evidence),
  };
}
