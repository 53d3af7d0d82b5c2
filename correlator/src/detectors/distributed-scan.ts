import type { Finding, ScoreFactor, Severity } from "../incidents/incident.js";
import { portKey } from "../windows/contact-key.js";
import { crowdBaseline, crowdTail, withEvenShare } from "../windows/crowd-test.js";
import { mostDistinctWithin } from "../windows/sliding-count.js";
import { contactSliceMs } from "../windows/window-store.js";
import { crowdContacts, type CrowdMembers } from "./crowd-contacts.js";
import { detectFingerprintCampaign } from "./fingerprint-campaign.js";
import { marginWeight, type SourcedContact } from "./finding-builder.js";
import { crowdFinding } from "./crowd-finding.js";
import { detectDecoyScan } from "./decoy-scan.js";
import { detectDividedScan } from "./divided-scan.js";
import { areScanning, lostContacts } from "./lost-service.js";
import { detectSynFlood } from "./syn-flood.js";
import { severityOf, type Evaluation } from "./source-scan.js";

const targetWindowMs = 90_000;
/** How much denser the densest 90 seconds are than the minutes around them; what is knocked at all day stays below. */
export const burstFactorName = "rate_over_usual";
const burstFactorMin = 3;
/** Below this many sources no tail probability makes a crowd. */
const sourcesMin = 4;

/**
 * Many sources that fail at one service or one target (many to one), or at one
 * port over the fleet (many to many): the number of distinct failing sources in
 * any 10 minutes against the key's own history (T1046, outside T1595). Sees a
 * thousand sources with one probe each. A crowd of equal fingerprints is asked for a shared job.
 */
export function detectDistributedScan(members: CrowdMembers, evaluation: Evaluation): Finding | undefined {
  const decoys = members.key.kind === "target" ? detectDecoyScan(members, evaluation) : undefined;
  if (decoys !== undefined) return decoys;
  if (members.key.kind === "fingerprint") return detectFingerprintCampaign(members, evaluation);
  const contacts = [...crowdContacts(members), ...lostContacts(members)].sort(byTime);
  if (contacts.length === 0) return undefined;
  if (members.key.kind === "target")
    return detectTarget(members, contacts, evaluation) ?? detectDividedScan(members, contacts, evaluation);
  const flood = detectSynFlood(members, contacts, evaluation);
  if (flood !== undefined) return flood;
  return isOfScan(members, contacts) ? undefined : detectCrowd(members, contacts, evaluation);
}

/** Inside hosts that scan one host fail at each of its services together: the host's own crowd tells that. */
function isOfScan(members: CrowdMembers, contacts: readonly SourcedContact[]): boolean {
  return members.key.kind === "service" && areInside(members, contacts) && areScanning(members, contacts);
}

function detectCrowd(
  members: CrowdMembers,
  contacts: readonly SourcedContact[],
  evaluation: Evaluation,
): Finding | undefined {
  const { scan } = evaluation.policy;
  const count = Math.max(
    sourcesWithin(members, contacts, contactSliceMs),
    members.refused > 0 ? members.count : 0,
  );
  if (count < sourcesMin || !isSpread(members, contacts)) return undefined;
  const own = crowdBaseline(members.history, members.key.slice, scan.crowdProbability);
  const tail = crowdTail(count, withEvenShare(own, members.evenShare));
  if (tail >= scan.crowdProbability) return undefined;
  const surprise = -Math.log10(Math.max(tail, 1e-300));
  const threshold = -Math.log10(scan.crowdProbability);
  const factor: ScoreFactor = {
    name: "failing_sources_surprise",
    value: Math.round(surprise * 100) / 100,
    threshold: Math.round(threshold * 100) / 100,
    weight: 0.6 + marginWeight(surprise, threshold, 0.15, 0.3),
  };
  const sources: ScoreFactor = {
    name: "failing_sources",
    value: count,
    threshold: scan.crowdSourcesMin,
    weight: count >= scan.crowdSourcesMin ? 0.1 : 0,
  };
  return findingFrom(members, contacts, [factor, sources], evaluation);
}

/** The classic limit: so many sources on as many ports of one target within 90 seconds. */
function detectTarget(
  members: CrowdMembers,
  contacts: readonly SourcedContact[],
  evaluation: Evaluation,
): Finding | undefined {
  const limit = evaluation.policy.scan.sourcesPerTarget;
  const sources = sourcesWithin(members, contacts, targetWindowMs);
  if (sources < limit) return undefined;
  const ports = mostDistinctWithin(
    contacts.map(({ contact }) => ({
      timeMs: contact.firstMs,
      value: portKey(contact.port, contact.protocol),
    })),
    targetWindowMs,
    members.key.slice * contactSliceMs,
  );
  if (ports < limit || isUsual(members, contacts, evaluation)) return undefined;
  const factors = [
    {
      name: "failing_sources_per_target",
      value: sources,
      threshold: limit,
      weight: 0.55 + marginWeight(sources, limit, 0.1, 0.2),
    },
    { name: "failed_ports_per_target", value: ports, threshold: limit, weight: 0.1 },
    {
      name: burstFactorName,
      value: rateOverUsual(sources, members, contacts),
      threshold: burstFactorMin,
      weight: 0,
    },
  ];
  return findingFrom(members, contacts, factors, evaluation);
}

/** A public address is knocked at all day: its own history says what is usual there. */
function isUsual(
  members: CrowdMembers,
  contacts: readonly SourcedContact[],
  { policy }: Evaluation,
): boolean {
  const { crowdProbability } = policy.scan;
  const count = sourcesWithin(members, contacts, contactSliceMs);
  return (
    crowdTail(count, crowdBaseline(members.history, members.key.slice, crowdProbability)) >= crowdProbability
  );
}

/**
 * Sources in the densest 90 seconds, over the mean of all 90 seconds of the
 * slice or of both slices; those that the window no longer lists count as spread evenly.
 */
function rateOverUsual(sources: number, members: CrowdMembers, contacts: readonly SourcedContact[]): number {
  const startMs = members.key.slice * contactSliceMs;
  const present = (fromMs: number): number =>
    new Set(
      contacts
        .filter(({ contact }) => contact.firstMs >= fromMs)
        .map(({ source, contact }) => `${source}${Math.floor(contact.firstMs / targetWindowMs)}`),
    ).size;
  const presences = Math.max(present(-Infinity) / 2, present(startMs), members.count);
  return Math.round(((sources * contactSliceMs) / (presences * targetWindowMs)) * 100) / 100;
}

function sourcesWithin(members: CrowdMembers, contacts: readonly SourcedContact[], lengthMs: number): number {
  const timed = contacts.map(({ source, contact }) => ({ timeMs: contact.firstMs, value: source }));
  return mostDistinctWithin(timed, lengthMs, members.key.slice * contactSliceMs);
}

function byTime(a: SourcedContact, b: SourcedContact): number {
  return a.contact.firstMs - b.contact.firstMs || (a.source < b.source ? -1 : 1);
}

/** A port crowd is about the fleet: more than one target, three when all sources are inside. */
function isSpread(members: CrowdMembers, contacts: readonly SourcedContact[]): boolean {
  if (members.key.kind !== "port") return true;
  const targets = new Set(contacts.map(({ contact }) => contact.destination)).size;
  return targets >= (areInside(members, contacts) ? 3 : 2);
}

function areInside(members: CrowdMembers, contacts: readonly SourcedContact[]): boolean {
  return contacts.every(({ source }) => members.isInside(source));
}

function findingFrom(
  members: CrowdMembers,
  contacts: readonly SourcedContact[],
  factors: readonly ScoreFactor[],
  evaluation: Evaluation,
): Finding {
  const { key } = members;
  // Inside hosts that fail together at one service that used to answer have lost it.
  const isInsideService = key.kind === "service" && areInside(members, contacts);
  const isOutage = isInsideService && members.isKnownService;
  const finding = crowdFinding(
    {
      kind: isOutage ? "service_outage" : "distributed_scan",
      severity: "low",
      factors,
    },
    members,
    contacts,
    evaluation,
  );
  // One that never answered is more likely a wrong setting of theirs than an attack.
  return isInsideService ? finding : { ...finding, severity: crowdSeverity(finding, evaluation) };
}

/** Low below the policy's number of sources, else at least medium, high by contacts or sources. */
function crowdSeverity(finding: Finding, { policy }: Evaluation): Severity {
  if (finding.sourceCount < policy.scan.crowdSourcesMin) return "low";
  const byContacts = severityOf(Math.max(finding.contactCount, finding.sourceCount), policy);
  return byContacts === "high" ? "high" : "medium";
}
