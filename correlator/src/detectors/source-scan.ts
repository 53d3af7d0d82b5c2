import { Outcome } from "@picket/proto/batch/flow-columns.js";
import type { Finding, IncidentKind, ScoreFactor, Severity } from "../incidents/incident.js";
import type { Policy } from "../policy/policy.js";
import { formatAddressKey, type AddressKey } from "../windows/address-key.js";
import { portKey } from "../windows/contact-key.js";
import { ContactTrait } from "../windows/contact-traits.js";
import { foldSlices, sequentialTest, type SliceOutcomes } from "../windows/sequential-test.js";
import { mostDistinctWithin } from "../windows/sliding-count.js";
import type { SourceContacts } from "../windows/source-contacts.js";
import { contactSliceMs, partitionOf, type Contact } from "../windows/window-store.js";
import { darkContactsMin } from "./dark-contacts.js";
import { isFanOut, runsPeerToPeer } from "./fan-out.js";
import { findingOf, marginWeight, type Verdict } from "./finding-builder.js";

const udp = 17;
const icmpProtocols = new Set([1, 58]);
const classicWindowMs = 300_000;
/** Contacts at closed ports that are enough by themselves. */
const closedPortsMin = 4;
const peerToPeerFalsePositive = 1e-8;
/** Up to this share of its failures on their ports a source is a scanner that touched them in passing. */
const passingShareMax = 0.25;

const noContacts: ReadonlySet<Contact> = new Set();

/** Where and when a window is evaluated. */
export interface Evaluation {
  readonly slice: number;
  readonly confirmed: boolean;
  readonly policy: Policy;
  readonly policyRevision: number;
}

/** One that can tell what is inside. */
export interface SiteEvaluation extends Evaluation {
  isInside(address: AddressKey): boolean;
}

/**
 * One source over everything all sensors saw of it: the sequential test over
 * 10-minute slices (T1046, outside T1595), and the two classic limits. Counts
 * distinct (destination, port) contacts; retries never count.
 * @param dark failed contacts of the source with what was silent; those of a peer-to-peer program say nothing
 */
export function detectSourceScan(
  contacts: SourceContacts,
  evaluation: SiteEvaluation,
  dark: ReadonlySet<Contact> = noContacts,
): Finding | undefined {
  const { scan } = evaluation.policy;
  const failed = withoutFallbacks(contacts);
  const probes = probesOf(failed, new Set(scan.peerToPeerPorts));
  const isPeer = runsPeerToPeer(contacts);
  const factors = scanFactors(
    contacts,
    probes,
    evaluation,
    isPeer,
    isPeer ? noContacts : weighty(dark, probes),
  );
  if (factors.length > 0) {
    const kind = isPeer || isFanOut(contacts.source, probes, evaluation) ? "fan_out" : shapeOf(probes);
    return countRefused(
      findingOf(verdictOf(kind, contacts, probes, factors, evaluation), sourced(contacts, probes)),
    );
  }
  if (probes.length === failed.length) return undefined;
  const fanOut = scanFactors(contacts, failed, evaluation, isPeer, noContacts);
  if (fanOut.length === 0) return undefined;
  return findingOf(verdictOf("fan_out", contacts, failed, fanOut, evaluation), sourced(contacts, failed));
}

/**
 * Contacts that the cap refused: more hosts of a horizontal scan, each at all of
 * its ports, or more ports of a vertical one, each of all of its hosts.
 */
function countRefused(finding: Finding): Finding {
  const { kind, refusedMembers, targetCount, portCount } = finding;
  if (kind === "horizontal_scan")
    return { ...finding, targetCount: targetCount + Math.ceil(refusedMembers / portCount) };
  if (kind === "vertical_scan")
    return { ...finding, portCount: portCount + Math.ceil(refusedMembers / targetCount) };
  return finding;
}

/** Failures but datagrams to services that answer over TCP: QUIC that is filtered or not offered. */
function withoutFallbacks({ failed, answered }: SourceContacts): readonly Contact[] {
  if (!failed.some(({ protocol }) => protocol === udp)) return failed;
  const services = new Set(answered.map(serviceOf));
  return failed.filter((contact) => contact.protocol !== udp || !services.has(serviceOf(contact)));
}

function serviceOf({ destination, port }: Contact): string {
  return `${destination}|${port}`;
}

/** Failures that may be a scan's: without those on peer-to-peer ports, unless they are few among many. */
function probesOf(failed: readonly Contact[], peerToPeer: ReadonlySet<number>): readonly Contact[] {
  const probes = failed.filter((contact) => !peerToPeer.has(contact.port));
  return failed.length - probes.length <= failed.length * passingShareMax ? failed : probes;
}

/** The dark ones among the probes, if they are enough to weigh as such. */
function weighty(dark: ReadonlySet<Contact>, probes: readonly Contact[]): ReadonlySet<Contact> {
  const among = probes.filter((contact) => dark.has(contact));
  return among.length >= darkContactsMin ? new Set(among) : noContacts;
}

/** The factors that crossed their threshold; none when nothing did. */
function scanFactors(
  contacts: SourceContacts,
  probes: readonly Contact[],
  { policy }: Evaluation,
  isPeer: boolean,
  dark: ReadonlySet<Contact>,
): ScoreFactor[] {
  const { scan } = policy;
  const falsePositive = isPeer
    ? Math.min(peerToPeerFalsePositive, scan.falsePositiveProbability)
    : scan.falsePositiveProbability;
  const test = sequentialTest(
    scan.benignSuccessProbability,
    scan.scannerSuccessProbability,
    scan.detectionProbability,
    falsePositive,
  );
  const level = foldSlices(test, sliceOutcomes(contacts, probes, dark)) / 1e6;
  const threshold = test.threshold / 1e6;
  const ports = mostPortsOnOneTarget(probes);
  const hosts = mostHostsOnOnePort(probes);
  const factors: ScoreFactor[] = [];
  if (level >= threshold) {
    factors.push({
      name: "sequential_test",
      value: round(level),
      threshold: round(threshold),
      weight: 0.6 + marginWeight(level, threshold, 0.08, 0.25),
    });
    factors.push(...closedPortFactor(probes));
    if (dark.size > 0)
      factors.push({ name: "dark_contacts", value: dark.size, threshold: darkContactsMin, weight: 0.1 });
  }
  if (ports >= scan.portsPerTarget)
    factors.push({
      name: "failed_ports_per_target",
      value: ports,
      threshold: scan.portsPerTarget,
      weight: 0.55 + marginWeight(ports, scan.portsPerTarget, 0.05, 0.2),
    });
  if (hosts >= scan.hostsPerPort)
    factors.push({
      name: "failed_hosts_per_port",
      value: hosts,
      threshold: scan.hostsPerPort,
      weight: 0.55 + marginWeight(hosts, scan.hostsPerPort, 0.05, 0.2),
    });
  return factors;
}

/** Failed and newly answered of each slice, ascending. Silence over UDP proves nothing here. */
function sliceOutcomes(
  contacts: SourceContacts,
  probes: readonly Contact[],
  dark: ReadonlySet<Contact>,
): SliceOutcomes[] {
  const slices = new Map<number, SliceOutcomes>();
  const at = (timeMs: number): SliceOutcomes => {
    const slice = Math.floor(timeMs / contactSliceMs);
    let outcomes = slices.get(slice);
    if (outcomes === undefined)
      slices.set(slice, (outcomes = { slice, failed: 0, answered: 0, closed: 0, dark: 0 }));
    return outcomes;
  };
  for (const contact of probes) {
    if (isSilentUdp(contact)) continue;
    if (isAtClosedPort(contact)) at(contact.firstMs).closed++;
    else if (dark.has(contact)) at(contact.firstMs).dark++;
    else at(contact.firstMs).failed++;
  }
  for (const firstMs of contacts.answeredHosts.values()) at(firstMs).answered++;
  return [...slices.values()].sort((a, b) => a.slice - b.slice);
}

function isSilentUdp({ protocol, outcome }: Contact): boolean {
  return protocol === udp && outcome <= Outcome.ignored;
}

function isAtClosedPort({ traits }: Contact): boolean {
  return (traits & ContactTrait.closedPort) !== 0;
}

/** What the sensors of the targets know adds to the confidence. */
function closedPortFactor(probes: readonly Contact[]): ScoreFactor[] {
  const value = probes.filter((contact) => !isSilentUdp(contact) && isAtClosedPort(contact)).length;
  if (value === 0) return [];
  const weight = value >= closedPortsMin ? 0.1 : 0;
  return [{ name: "closed_ports", value, threshold: closedPortsMin, weight }];
}

function mostPortsOnOneTarget(probes: readonly Contact[]): number {
  return mostWithin(
    probes,
    (contact) => contact.destination,
    (contact) => portKey(contact.port, contact.protocol),
  );
}

function mostHostsOnOnePort(probes: readonly Contact[]): number {
  return mostWithin(
    probes,
    (contact) => portKey(contact.port, contact.protocol),
    (contact) => contact.destination,
  );
}

function mostWithin(
  probes: readonly Contact[],
  groupOf: (contact: Contact) => string,
  valueOf: (contact: Contact) => string,
): number {
  const groups = groupBy(probes, groupOf);
  let most = 0;
  for (const group of groups.values())
    if (group.length > most)
      most = Math.max(
        most,
        mostDistinctWithin(
          group.map((contact) => ({ timeMs: contact.firstMs, value: valueOf(contact) })),
          classicWindowMs,
        ),
      );
  return most;
}

function groupBy(probes: readonly Contact[], groupOf: (contact: Contact) => string): Map<string, Contact[]> {
  const groups = new Map<string, Contact[]>();
  for (const contact of probes) {
    const group = groups.get(groupOf(contact));
    if (group === undefined) groups.set(groupOf(contact), [contact]);
    else group.push(contact);
  }
  return groups;
}

/** Many ports on few hosts, few ports on many hosts, or both. */
function shapeOf(probes: readonly Contact[]): IncidentKind {
  if (probes.every((contact) => icmpProtocols.has(contact.protocol))) return "host_sweep";
  const hosts = new Set(probes.map((contact) => contact.destination)).size;
  const ports = new Set(probes.map((contact) => portKey(contact.port, contact.protocol))).size;
  if (hosts <= 1 || ports >= hosts * 5) return "vertical_scan";
  if (ports <= 2 || hosts >= ports * 5) return "horizontal_scan";
  return "block_scan";
}

function verdictOf(
  kind: IncidentKind,
  contacts: SourceContacts,
  probes: readonly Contact[],
  factors: readonly ScoreFactor[],
  evaluation: Evaluation,
): Verdict {
  const count = probes.length + contacts.refused;
  return {
    kind,
    view: "source",
    primaryKey: formatAddressKey(contacts.source),
    partition: partitionOf(contacts.source),
    sliceStartMs: evaluation.slice * contactSliceMs,
    sliceEndMs: (evaluation.slice + 1) * contactSliceMs,
    confirmed: evaluation.confirmed,
    severity: kind === "fan_out" ? "low" : severityOf(count, evaluation.policy),
    factors,
    refusedMembers: contacts.refused,
    sourceVerified: isVerified(kind, contacts, probes),
    policyRevision: evaluation.policyRevision,
  };
}

/**
 * True when the source had a two-way exchange that belongs to the scan: since it
 * began, with what it scans. A reset says nothing, because a host whose address
 * is forged refuses what it did not ask for.
 */
function isVerified(kind: IncidentKind, { answered }: SourceContacts, probes: readonly Contact[]): boolean {
  const sinceMs = probes.reduce((least, { firstMs }) => Math.min(least, firstMs), Infinity);
  const partOf = (contact: Contact): string =>
    kind === "vertical_scan" ? contact.destination : portKey(contact.port, contact.protocol);
  const scanned = new Set(probes.map(partOf));
  return answered.some((contact) => contact.firstMs >= sinceMs && scanned.has(partOf(contact)));
}

/** By distinct contacts: the policy's limits for medium and high. */
export function severityOf(contacts: number, policy: Policy): Severity {
  if (contacts >= policy.scan.severityHighContacts) return "high";
  return contacts >= policy.scan.severityMediumContacts ? "medium" : "low";
}

function sourced(
  contacts: SourceContacts,
  probes: readonly Contact[],
): { source: string; contact: Contact }[] {
  return probes.map((contact) => ({ source: contacts.source, contact }));
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
