import type { FlowRow } from "../flows/flow-row.js";
import type { Finding, ScoreFactor } from "../incidents/incident.js";
import { formatAddressKey, type AddressKey } from "../windows/address-key.js";
import { formatPort } from "../windows/contact-key.js";
import type { AddFact, FactKind, FactMember, FactWindow } from "../windows/fact-window.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { marginWeight } from "./finding-builder.js";
import { mergeFacts, sortFacts } from "./merge-facts.js";
import { severityOf } from "./source-scan.js";

/** ICMP, TCP, UDP, ICMPv6 and SCTP are tried in other ways, and asked for by other detectors. */
const common = new Set([1, 6, 17, 58, 132]);
/**
 * Routers and tunnels between two hosts use a few of the others: of GRE, ESP,
 * AH, OSPF, PIM, EIGRP, VRRP, L2TP and IP in IP hardly more than four at once.
 */
const protocolsMin = 8;

const facts: FactKind = {
  id: 40,
  name: "ip_protocols",
  sliceMs: 600_000,
  slicesBefore: 1,
  hotMembersMin: protocolsMin / 2,
  membersMax: 512,
  isOnce: true,
};

/**
 * IP protocol scan (T1046): one source sends one host packets of many IP
 * protocols that hosts have no use for, within 10 to 20 minutes, answered or not.
 *
 * Cost: one member a source, host and unusual protocol in 10 minutes.
 */
export const protocolScan: FactDetector = { kinds: ["vertical_scan"], facts, observeFlow, detect };

function observeFlow(flow: FlowRow, add: AddFact): void {
  const { columns, row, addresses } = flow;
  const protocol = columns.protocol[row];
  if (common.has(protocol)) return;
  if (addresses.isGroup[columns.destinationIndex[row]] === 1) return;
  add(facts, flow.source(), flow.destination() + String.fromCharCode(protocol), flow.timeMs);
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const window = windows[windows.length - 1];
  const byTarget = new Map<AddressKey, FactMember[]>();
  for (const member of sortFacts([...mergeFacts(windows).values()])) {
    const target = member.member.slice(0, -1);
    const known = byTarget.get(target);
    if (known === undefined) byTarget.set(target, [member]);
    else known.push(member);
  }
  const scanned = [...byTarget].filter(([, members]) => members.length >= protocolsMin);
  if (scanned.length === 0) return undefined;
  const most = Math.max(...scanned.map(([, members]) => members.length));
  const members = scanned.flatMap(([, each]) => each);
  const source = formatAddressKey(window.subject);
  const factor: ScoreFactor = {
    name: "ip_protocols_per_target",
    value: most,
    threshold: protocolsMin,
    weight: 0.6 + marginWeight(most, protocolsMin, 0.08, 0.3),
  };
  return factFinding(
    {
      kind: "vertical_scan",
      primaryKey: source,
      severity: severityOf(members.length + window.refused, evaluation.policy),
      factors: [factor],
      sources: [source],
      targets: scanned.map(([target]) => formatAddressKey(target)),
      ports: members.map(({ member }) => formatPort(0, member.charCodeAt(member.length - 1))),
      contactCount: members.length,
      members,
    },
    window,
    evaluation,
  );
}
