import { hasVolume } from "./burst-direction.js";
import type { Finding, Incident } from "./incident.js";

/** What a stored incident gives for opening its draft again. */
export function storedFinding(incident: Incident): Finding {
  const { kind, severity, confidence, firstSeenMs, lastSeenMs } = incident;
  return {
    ...incident,
    kind,
    view: "source",
    severity,
    confidence,
    firstSeenMs,
    lastSeenMs,
    primaryKey: primaryKeyOf(incident),
    partition: 0,
    sliceStartMs: firstSeenMs,
    sliceEndMs: lastSeenMs,
    confirmed: incident.confirmation === "confirmed",
    evidence: [],
    samples: [],
    refusedMembers: incident.coverage.refusedMembers,
  };
}

/** The key under which findings find it, as far as the incident tells. */
export function primaryKeyOf(incident: Incident): string {
  if (incident.kind === "cross_host_burst") return burstKeyOf(incident);
  if (incident.kind === "new_service" || incident.kind === "udp_flood") return incident.targets[0] ?? "";
  if (incident.kind === "amplification" && incident.sources.length > 1) return incident.targets[0] ?? "";
  if (incident.kind === "service_outage" || incident.kind === "beacon" || incident.kind === "syn_flood")
    return `${incident.targets[0]} ${incident.ports[0]}`;
  if (incident.kind === "distributed_scan" || incident.kind === "campaign") return incident.ports[0] ?? "";
  return incident.sources[0] ?? "";
}

/** Direction and shared peers; there are fewer of those than of hosts. */
function burstKeyOf({ sources, targets, factors }: Incident): string {
  const [ofTargets, ofSources] = hasVolume(factors) ? ["received", "sent"] : ["inbound", "outbound"];
  return targets.length > sources.length
    ? [ofTargets, ...sources].join(" ")
    : [ofSources, ...targets].join(" ");
}
