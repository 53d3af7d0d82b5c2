import { ArpOperation, Outcome, RecordKind } from "@picket/proto/batch/flow-columns.js";
import type { ArpRow, FlowRow } from "../flows/flow-row.js";
import type { Finding, ScoreFactor } from "../incidents/incident.js";
import { formatAddressKey, prefixOf } from "../windows/address-key.js";
import type { AddFact, FactKind, FactMember, FactWindow } from "../windows/fact-window.js";
import { mostDistinctWithin } from "../windows/sliding-count.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { marginWeight } from "./finding-builder.js";
import { formatMac, noAddress } from "./arp-claims.js";
import { mergeFacts, sortFacts } from "./merge-facts.js";
import { severityOf } from "./source-scan.js";

const minuteMs = 60_000;
/** A question that is repeated so soon was not answered, whoever could see the answer. */
const retryMs = 5000;
/** Who is asked and then spoken to asks back so soon, to be sure of the neighbour (RFC 4861, 7.3.3, and ARP alike). */
const askBackMs = 10_000;
/** Questions asked once, which others may have answered unseen, that weigh like one that was repeated. */
const onceWeight = 1 / 4;
/** Share of the asked addresses that may answer. */
const answeredShareMax = 0.5;

/** What is known of an asked address, in the order in which it outweighs. */
const asked = { once: 1, repeated: 2, answered: 3 } as const;
const askedMark = "q";
const askerMark = "b";
const calledMark = "c";
const icmp = 1;
const ipv4Length = 4;

/**
 * ARP scan (T1018): one host asks for many addresses that stay silent, within a
 * minute, 10 minutes or an hour, over all sensors of the segment: a broadcast
 * question is the same fact wherever it is seen. An address that was asked for
 * in the hour before does not count again (a poller's list does not grow), and
 * a host that several others ask for is a gateway or server, which asks on
 * behalf of others. Those who ask for it just after it asked for them and
 * called them itself, by a ping or in vain, are no sign of that: they answer.
 *
 * Cost: two members (asked, asked by) for each pair of hosts that ask for each
 * other, in 10 minutes, and one where one inside host calls the other so.
 */
export const arpScan: FactDetector = {
  kinds: ["arp_scan"],
  facts: {
    id: 1,
    name: "arp_questions",
    sliceMs: 600_000,
    slicesBefore: 5,
    hotMembersMin: 8,
    membersMax: 1024,
  } satisfies FactKind,

  observeArp(arp: ArpRow, add: AddFact): void {
    const operation = arp.columns.operation[arp.row];
    if (operation !== ArpOperation.request && operation !== ArpOperation.probe) return;
    const target = arp.target();
    const sender = arp.sender();
    const isNamed = sender !== noAddress;
    add(arpScan.facts, isNamed ? sender : arp.senderMac(), askedMark + target, arp.endMs, askedState(arp));
    if (isNamed) add(arpScan.facts, target, askerMark + sender, arp.endMs);
  },

  observeFlow(flow: FlowRow, add: AddFact): void {
    if (isCall(flow)) add(arpScan.facts, flow.source(), calledMark + flow.destination(), flow.timeMs);
  },

  detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
    const last = windows[windows.length - 1];
    const { scanHostsMin, gatewayAskersMin } = evaluation.policy.arp;
    const hour = mergeFacts(windows);
    if (unpromptedAskers(windows).size >= gatewayAskersMin) return undefined;
    const questions = sortFacts([...hour.values()].filter(({ member }) => member.startsWith(askedMark)));
    const silent = questions.filter(({ value }) => value < asked.answered);
    if (silent.length < questions.length * (1 - answeredShareMax)) return undefined;
    const isNew = notAskedBefore(windows);
    const factors = scanFactors(silent, silent.filter(isNew), scanHostsMin);
    if (factors.length === 0) return undefined;
    const source = last.subject.length === 4 ? formatAddressKey(last.subject) : formatMac(last.subject);
    return factFinding(
      {
        kind: "arp_scan",
        primaryKey: source,
        severity: severityOf(silent.length + last.refused, evaluation.policy),
        factors,
        sources: [source],
        targets: silent.map(({ member }) => formatAddressKey(member.slice(1))),
        ports: [],
        contactCount: silent.length + last.refused,
        members: silent,
      },
      last,
      evaluation,
    );
  },
};

/** A ping, or a contact that failed, between inside hosts of one /24: they are neighbours, and not too many to keep. */
function isCall(flow: FlowRow): boolean {
  const { columns, row, addresses } = flow;
  const kind = columns.recordKind[row];
  if (kind !== RecordKind.first && kind !== RecordKind.only) return false;
  if (columns.outcome[row] === Outcome.answered && columns.protocol[row] !== icmp) return false;
  const [source, destination] = [columns.sourceIndex[row], columns.destinationIndex[row]];
  if (addresses.isInside[source] === 0 || addresses.isInside[destination] === 0) return false;
  if (addresses.isGroup[destination] === 1 || flow.source().length !== ipv4Length) return false;
  return prefixOf(flow.source()) === prefixOf(flow.destination());
}

function askedState({ columns, row, timeMs, endMs }: ArpRow): number {
  if (columns.answered[row] === 1) return asked.answered;
  return endMs - timeMs <= retryMs && columns.packets[row] > 1 ? asked.repeated : asked.once;
}

/** Hosts that asked for the subject in one of these slices without having been asked and called just before. */
function unpromptedAskers(windows: readonly FactWindow[]): Set<string> {
  return new Set(windows.flatMap(({ members }) => unpromptedOf(members)));
}

function unpromptedOf(members: readonly FactMember[]): string[] {
  const seenMs = new Map(members.map(({ member, firstMs }) => [member, firstMs]));
  const isPrompted = ({ member, firstMs }: FactMember): boolean => {
    const host = member.slice(1);
    const afterMs = firstMs - (seenMs.get(askedMark + host) ?? Infinity);
    return seenMs.has(calledMark + host) && afterMs >= 0 && afterMs <= askBackMs;
  };
  return members
    .filter((each) => each.member.startsWith(askerMark) && !isPrompted(each))
    .map(({ member }) => member.slice(1));
}

function notAskedBefore(windows: readonly FactWindow[]): (question: FactMember) => boolean {
  const before = mergeFacts(windows.slice(0, -1));
  return ({ member }) => !before.has(member);
}

/** @param silent of the whole hour; @param fresh those first asked for in the newest slice */
function scanFactors(
  silent: readonly FactMember[],
  fresh: readonly FactMember[],
  limit: number,
): ScoreFactor[] {
  const factors: ScoreFactor[] = [];
  const addFactor = (name: string, value: number, threshold: number): void => {
    if (value >= threshold)
      factors.push({ name, value, threshold, weight: 0.6 + marginWeight(value, threshold, 0.08, 0.3) });
  };
  addFactor("silent_addresses_per_minute", weighed(fresh, withinMinute), limit);
  addFactor("silent_addresses_per_10_minutes", weighed(fresh, lengthOf), limit * 2);
  if (fresh.length > 0) addFactor("silent_addresses_per_hour", weighed(silent, lengthOf), limit * 4);
  // One way of crossing a limit is enough: the strongest counts, the others are shown.
  const most = Math.max(...factors.map(({ weight }) => weight));
  const strongest = factors.findIndex(({ weight }) => weight === most);
  return factors.map((factor, index) => (index === strongest ? factor : { ...factor, weight: 0 }));
}

function weighed(
  questions: readonly FactMember[],
  measure: (questions: readonly FactMember[]) => number,
): number {
  const repeated = questions.filter(({ value }) => value === asked.repeated);
  return Math.max(measure(repeated), Math.floor(measure(questions) * onceWeight));
}

function withinMinute(questions: readonly FactMember[]): number {
  return mostDistinctWithin(
    questions.map(({ firstMs, member }) => ({ timeMs: firstMs, value: member })),
    minuteMs,
  );
}

function lengthOf(questions: readonly FactMember[]): number {
  return questions.length;
}
