import { ipProtocol } from "../flows/ip-protocol.js";
import type { FlowRow } from "../flows/flow-row.js";
import type { Finding } from "../incidents/incident.js";
import type { AddressKey } from "../windows/address-key.js";
import { serviceKey } from "../windows/contact-key.js";
import type { AddFact, FactKind, FactMember, FactWindow } from "../windows/fact-window.js";
import { contactValue, isOutboundContact } from "./beacon-contacts.js";
import { beaconFinding, type BeaconContacts } from "./beacon-finding.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";

/** A row of contacts shorter than this is a program that polls for a while. */
const spanMsMin = 600_000;
const gapMsMin = 1000;
/** Every millisecond is one of its own. */
const slotMs = 1;
/** A source port that comes again this much later is another connection. */
const otherConnectionMs = 10_000;

const facts: FactKind = {
  id: 21,
  name: "beacon",
  sliceMs: 3_600_000,
  slicesBefore: 1,
  hotMembersMin: 6,
  membersMax: 2048,
};

/**
 * Beacons (T1071) from a second to six minutes apart: a host whose connections
 * to one service outside, answered or not, come at regular gaps for ten minutes
 * at least. Asked of the service, so that the hosts of the fleet with the same
 * habit are seen together: many of them are software. Connections are told apart
 * by their source port, so two sensors' views of one are one.
 *
 * Cost: a member of some 30 bytes for each TCP connection to the outside, kept
 * for two hours; 2,048 a service and hour at most. An ordinary host opens 100 to
 * 500 an hour. Traffic between inside hosts costs nothing.
 */
export const beacon: FactDetector = {
  kinds: ["beacon"],
  facts,
  protocols: [ipProtocol.tcp],
  observeFlow,
  detect,
};

function observeFlow(flow: FlowRow, add: AddFact): void {
  if (!isOutboundContact(flow)) return;
  const { columns, row } = flow;
  const port = columns.sourcePort[row];
  add(
    facts,
    serviceKey(flow.destination(), columns.destinationPort[row], columns.protocol[row]),
    flow.source() + String.fromCharCode(port >>> 8, port & 0xff),
    flow.timeMs,
    contactValue(flow),
  );
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const hosts = hostsOf(windows);
  const { contactsMin, commonHosts } = evaluation.policy.beacon;
  // What was refused is missing in the row of everybody's contacts.
  const isCut = windows.some(({ refused }) => refused > 0);
  if (isCut && hosts.length >= commonHosts) return undefined;
  return beaconFinding(windows, hosts, { contactsMin, spanMsMin, gapMsMin, slotMs }, evaluation);
}

/** By source, in order. */
function hostsOf(windows: readonly FactWindow[]): BeaconContacts[] {
  const bySource = new Map<AddressKey, { members: FactMember[]; timesMs: number[] }>();
  for (const { members } of windows)
    for (const member of members) {
      const source = member.member.slice(0, -2);
      let host = bySource.get(source);
      if (host === undefined) bySource.set(source, (host = { members: [], timesMs: [] }));
      host.members.push(member);
      host.timesMs.push(member.firstMs);
      if (member.lastMs - member.firstMs >= otherConnectionMs) host.timesMs.push(member.lastMs);
    }
  return [...bySource].sort(([a], [b]) => (a < b ? -1 : 1)).map(([source, host]) => ({ source, ...host }));
}
