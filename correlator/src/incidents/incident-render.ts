import { bytesFactorName, hasVolume } from "./burst-direction.js";
import type { IncidentDraft } from "./incident-draft.js";
import {
  emptyReview,
  type Coverage,
  type Incident,
  type IncidentKind,
  type IncidentState,
} from "./incident.js";

/** What an incident carries besides its draft. */
export interface RenderContext {
  readonly state: IncidentState;
  readonly revision: number;
  readonly updateMs: number;
  readonly retractReason: string;
  readonly coverage: Coverage;
  readonly sensorName: (sensor: number) => string;
  /** True when an address in text form is inside. */
  readonly isInside: (address: string) => boolean;
}

/** The incident as stores keep it and the API serves it. */
export function renderIncident(draft: IncidentDraft, context: RenderContext): Incident {
  const content = draft.content(context.sensorName);
  return {
    ...content,
    revision: context.revision,
    state: content.mergedInto === "" ? context.state : "merged",
    updateMs: context.updateMs,
    retractReason: context.retractReason,
    coverage: { ...context.coverage, refusedMembers: draft.refusedMembers },
    technique: techniqueOf(content, context.isInside),
    summary: summaryOf(content),
    review: emptyReview,
  };
}

const techniques: Partial<Record<IncidentKind, string>> = {
  syn_flood: "T1498.001",
  udp_flood: "T1498.001",
  cross_host_burst: "T1498",
  host_burst: "T1498",
  amplification: "T1498.002",
  brute_force: "T1110",
  arp_scan: "T1018",
  arp_spoof: "T1557.002",
  background_scanning: "T1595",
  mining: "T1496",
  suspicious_port: "T1571",
  beacon: "T1071",
};

/** Nothing that an attacker must have done. */
const withoutTechnique: ReadonlySet<IncidentKind> = new Set<IncidentKind>([
  "service_outage",
  "fan_out",
  "new_service",
]);

/** One ATT&CK technique: active scanning from outside, discovery from inside. */
function techniqueOf(
  { kind, sources, targetCount, factors }: Pick<Incident, "kind" | "sources" | "targetCount" | "factors">,
  isInside: (address: string) => boolean,
): string {
  if (kind === "brute_force" && targetCount > 1) return "T1110.003";
  if (withoutTechnique.has(kind) || hasVolume(factors)) return "";
  const fixed = techniques[kind];
  if (fixed !== undefined) return fixed;
  if (sources.length > 0 && sources.every(isInside)) return kind === "host_sweep" ? "T1018" : "T1046";
  return kind === "vertical_scan" ? "T1595" : "T1595.001";
}

const verbs: Partial<Record<IncidentKind, string>> = {
  vertical_scan: "scanned many ports of",
  horizontal_scan: "probed the same ports of",
  block_scan: "scanned many ports of many hosts:",
  host_sweep: "swept",
  arp_scan: "asks by ARP for",
  arp_spoof: "claims to be others toward",
  background_scanning: "from outside knock on",
  distributed_scan: "share one scan of",
  campaign: "work together on a scan of",
  fan_out: "tried or used many peers:",
  service_outage: "can no longer reach",
  syn_flood: "flood",
  udp_flood: "flood",
  amplification: "reflect traffic at",
  brute_force: "tried logins at",
  mining: "mines coins with",
  beacon: "comes back like a timer to",
  suspicious_port: "uses suspicious ports of",
};

/** What the contacts of an incident are, where they are not failed ones. */
const counts: Partial<Record<IncidentKind, string>> = {
  host_sweep: "contacts",
  fan_out: "contacts",
  arp_scan: "silent addresses",
  arp_spoof: "claims",
  syn_flood: "unanswered connections",
  udp_flood: "flows",
  amplification: "flows",
  brute_force: "attempts",
  mining: "flows",
  beacon: "contacts",
  suspicious_port: "services",
};

function summaryOf(
  incident: Pick<
    Incident,
    | "kind"
    | "sources"
    | "targets"
    | "ports"
    | "sourceCount"
    | "targetCount"
    | "portCount"
    | "contactCount"
    | "evidence"
    | "factors"
  >,
): string {
  if (incident.kind === "cross_host_burst") return burstSummary(incident);
  const sources = counted(incident.sourceCount, incident.sources, "source");
  const targets = counted(incident.targetCount, incident.targets, "host");
  const ports = incident.portCount === 0 ? "" : `${counted(incident.portCount, incident.ports, "port")}, `;
  const seen = incident.evidence.length > 1 ? `, seen by ${incident.evidence.length} sensors` : "";
  if (incident.kind === "new_service")
    return `${targets} serves ${counted(incident.portCount, incident.ports, "port")} for the first time (${incident.contactCount} groups of clients${seen})`;
  return `${sources} ${verbs[incident.kind] ?? "acts on"} ${targets} (${ports}${incident.contactCount} ${counts[incident.kind] ?? "failed contacts"}${seen})`;
}

function burstSummary(
  incident: Pick<Incident, "sources" | "targets" | "ports" | "contactCount" | "factors">,
): string {
  const areSources = incident.sources.length >= incident.targets.length;
  const [hosts, peers] = areSources
    ? [incident.sources, incident.targets]
    : [incident.targets, incident.sources];
  const shared = sharedText(areSources ? "to" : "from", peers, incident.ports);
  const bytes = incident.factors.find(({ name }) => name === bytesFactorName);
  const who = counted(hosts.length, hosts, "host");
  if (bytes !== undefined)
    return `${who} ${areSources ? "send" : "receive"} far more than before in the same minutes (${Math.round(bytes.value / 1e6)} MB a minute${shared})`;
  return `${who} ${areSources ? "burst out" : "are burst at"} in the same seconds (${incident.contactCount} new flows${shared})`;
}

/** ", to 198.51.100.7, tcp/443": what the hosts of a burst have in common. */
function sharedText(preposition: string, peers: readonly string[], ports: readonly string[]): string {
  const peer = peers.length === 1 ? `, ${preposition} ${peers[0]}` : "";
  return ports.length === 1 ? `${peer}, ${ports[0]}` : peer;
}

/** The thing itself when there is one, else how many. */
function counted(count: number, listed: readonly string[], noun: string): string {
  return count === 1 && listed.length === 1 ? listed[0] : `${count} ${noun}s`;
}
