import { Application, Outcome } from "@picket/proto/batch/flow-columns.js";
import type { FlowRow } from "../flows/flow-row.js";
import type { Finding, ScoreFactor } from "../incidents/incident.js";
import { formatAddressKey } from "../windows/address-key.js";
import { formatPort, parseServiceKey, serviceKey } from "../windows/contact-key.js";
import type { AddFact, FactKind, FactMember, FactWindow } from "../windows/fact-window.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { confidenceOf, marginWeight, samplesMax } from "./finding-builder.js";
import { PolicyPorts } from "../flows/port-set.js";

const tcp = 6;
const udp = 17;
const sshPort = 22;
/** Below it a port belongs to one service, and no program draws it at random. */
const reservedPorts = 1024;
const confidenceLow = 0.5;

/** What the value of a member says, as bits. */
const Sign = { crossing: 1, foreign: 2, answered: 4 } as const;
/** Tries at more ports, none answered, are a scan. */
const triedPortsMax = 9;
/** A port that only accepts and closes says no more than this. */
const acceptPackets = 3;

const listedPorts = new PolicyPorts();

const facts: FactKind = {
  id: 23,
  name: "suspicious_port",
  sliceMs: 3_600_000,
  slicesBefore: 0,
  hotMembersMin: 1,
  membersMax: 256,
};

/**
 * Suspicious ports (T1571): contacts at ports of the policy's list that were
 * answered, between inside hosts or across the boundary; datagrams to
 * them outside that nobody answered; and SSH at the reserved port of another
 * service. One incident a source, low at most. The same ports may be drawn at
 * random (passive FTP, peer-to-peer): above 1023 one contact stays a note.
 *
 * Cost: nothing but for these contacts, one member a service and hour.
 */
export const suspiciousPort: FactDetector = {
  kinds: ["suspicious_port"],
  facts,
  protocols: [tcp, udp],
  observeFlow,
  detect,
};

function observeFlow(flow: FlowRow, add: AddFact): void {
  const { columns, row, addresses } = flow;
  const port = columns.destinationPort[row];
  const application = columns.application[row];
  const isListed = listedPorts.has(flow.policy.ports.suspicious, port);
  const isDisguised = application === Application.ssh && port < reservedPorts && port !== sshPort;
  if (!isListed && !isDisguised) return;
  const protocol = columns.protocol[row];
  if (protocol !== tcp && protocol !== udp) return;
  // A reply whose request was not seen looks like a contact of the server.
  if (columns.sourcePort[row] < reservedPorts && port >= reservedPorts) return;
  if (addresses.isGroup[columns.destinationIndex[row]] === 1) return;
  const isSourceInside = addresses.isInside[columns.sourceIndex[row]] === 1;
  const isTargetInside = addresses.isInside[columns.destinationIndex[row]] === 1;
  if (!isSourceInside && !isTargetInside) return;
  const isAnswered = hasTalked(flow);
  if (!isAnswered && (isTargetInside || !isTry(flow))) return;
  const signs =
    (isSourceInside === isTargetInside ? 0 : Sign.crossing) |
    (isForeign(application) ? Sign.foreign : 0) |
    (isAnswered ? Sign.answered : 0);
  add(facts, flow.source(), serviceKey(flow.destination(), port, protocol), flow.timeMs, signs);
}

/** Something was said, which a scanner that connects and leaves does not wait for. */
function hasTalked({ columns, row }: FlowRow): boolean {
  if (columns.outcome[row] !== Outcome.answered) return false;
  if (columns.protocol[row] === udp) return true;
  return columns.application[row] !== Application.unknown || columns.reversePackets[row] > acceptPackets;
}

/** A datagram nobody answered, as peers of BitTorrent send; what is tried over TCP in vain is for other detectors. */
function isTry({ columns, row }: FlowRow): boolean {
  return columns.protocol[row] === udp && columns.outcome[row] === Outcome.ignored;
}

function isForeign(application: number): boolean {
  return (
    application === Application.ssh || application === Application.tls || application === Application.http
  );
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const window = windows[windows.length - 1];
  const { subject, members } = window;
  const answered = members.filter(isAnswered);
  if (members.length === 0) return undefined;
  if (answered.length === 0 && portsOf(members).size > triedPortsMax) return undefined;
  const services = members.map(({ member }) => parseServiceKey(member));
  const factors = factorsOf(answered, members.length - answered.length);
  const source = formatAddressKey(subject);
  const finding = factFinding(
    {
      kind: "suspicious_port",
      primaryKey: source,
      severity: confidenceOf(factors) >= confidenceLow ? "low" : "info",
      factors,
      sources: [source],
      targets: services.map(({ destination }) => formatAddressKey(destination)),
      ports: services.map(({ port, protocol }) => formatPort(port, protocol)),
      contactCount: members.length,
      members,
      sourceVerified: answered.length > 0,
    },
    window,
    evaluation,
  );
  const samples = members.slice(0, samplesMax).map(({ firstMs, sensors }, index) => ({
    source: subject,
    ...services[index],
    firstMs,
    outcome: isAnswered(members[index]) ? Outcome.answered : Outcome.ignored,
    sensors,
  }));
  return { ...finding, samples };
}

function isAnswered({ value }: FactMember): boolean {
  return (value & Sign.answered) !== 0;
}

function portsOf(members: readonly FactMember[]): Set<number> {
  return new Set(members.map(({ member }) => parseServiceKey(member).port));
}

function factorsOf(answered: readonly FactMember[], unanswered: number): ScoreFactor[] {
  const ports = portsOf(answered);
  const reserved = [...ports].filter((port) => port < reservedPorts).length;
  const withSign = (sign: number): number => answered.filter(({ value }) => (value & sign) !== 0).length;
  const factors: ScoreFactor[] = [
    { name: "suspicious_ports", value: ports.size, threshold: 1, weight: 0.3 },
    { name: "unanswered_contacts", value: unanswered, threshold: 1, weight: 0.1 },
    { name: "reserved_ports", value: reserved, threshold: 1, weight: 0.2 },
    { name: "contacts_across_boundary", value: withSign(Sign.crossing), threshold: 1, weight: 0.1 },
    { name: "foreign_protocol_contacts", value: withSign(Sign.foreign), threshold: 1, weight: 0.2 },
    {
      name: "suspicious_contacts",
      value: answered.length,
      threshold: 2,
      weight: marginWeight(answered.length, 1, 0.05, 0.2),
    },
  ];
  return factors.filter(({ value, threshold }) => value >= threshold);
}
