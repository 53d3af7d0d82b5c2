import { Application } from "@picket/proto/batch/flow-columns.js";
import { ipProtocol } from "../flows/ip-protocol.js";
import type { FlowRow } from "../flows/flow-row.js";
import type { Finding } from "../incidents/incident.js";
import type { AddressKey } from "../windows/address-key.js";
import { serviceKey } from "../windows/contact-key.js";
import type { AddFact, FactKind, FactMember, FactWindow } from "../windows/fact-window.js";
import { contactValue, isOutboundContact, isUsualPort } from "./beacon-contacts.js";
import { beaconFinding, type BeaconContacts } from "./beacon-finding.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";

/** Contacts within one such time are one. */
const slotMs = 300_000;
/** Slots of a dense row are as regular as the clock: only what leaves slots out is a rhythm. */
const gapMsMin = 2 * slotMs;

const facts: FactKind = {
  id: 22,
  name: "slow_beacon",
  sliceMs: 21_600_000,
  slicesBefore: 3,
  hotMembersMin: 2,
  membersMax: 1024,
};

/**
 * Beacons (T1071) from ten minutes to two and a half hours apart, over a day.
 * Only of services that ordinary programs do not keep coming back to: an unusual
 * port, or TLS that names no server. A named web site each hour is an update
 * check like any other, and nobody could tell it from one by its flows.
 *
 * Cost: a member of some 30 bytes for each five minutes in which a host connects
 * to such a service, kept for a day: tens for an ordinary host.
 */
export const slowBeacon: FactDetector = {
  kinds: ["beacon"],
  facts,
  protocols: [ipProtocol.tcp],
  observeFlow,
  detect,
};

function observeFlow(flow: FlowRow, add: AddFact): void {
  const { columns, row } = flow;
  const port = columns.destinationPort[row];
  const isNameless = columns.application[row] === Application.tls && columns.name[row] === 0;
  if ((isUsualPort(port) && !isNameless) || !isOutboundContact(flow)) return;
  const slot = Math.floor(flow.timeMs / slotMs) % (facts.sliceMs / slotMs);
  add(
    facts,
    serviceKey(flow.destination(), port, columns.protocol[row]),
    flow.source() + String.fromCharCode(slot),
    flow.timeMs,
    contactValue(flow),
  );
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const { slowContactsMin: contactsMin, commonHosts } = evaluation.policy.beacon;
  const hosts = hostsOf(windows);
  const isCut = windows.some(({ refused }) => refused > 0);
  if (isCut && hosts.length >= commonHosts) return undefined;
  const spanMsMin = (contactsMin - 1) * gapMsMin;
  return beaconFinding(windows, hosts, { contactsMin, spanMsMin, gapMsMin, slotMs }, evaluation);
}

function hostsOf(windows: readonly FactWindow[]): BeaconContacts[] {
  const bySource = new Map<AddressKey, FactMember[]>();
  for (const { members } of windows)
    for (const member of members) {
      const source = member.member.slice(0, -1);
      bySource.set(source, [...(bySource.get(source) ?? []), member]);
    }
  return [...bySource]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([source, members]) => ({ source, members, timesMs: members.map(({ firstMs }) => firstMs) }));
}
