import { Outcome, RecordKind } from "@picket/proto/batch/flow-columns.js";
import type { FlowRow } from "../flows/flow-row.js";
import type { Finding, ScoreFactor } from "../incidents/incident.js";
import { formatAddressKey } from "../windows/address-key.js";
import { formatPort } from "../windows/contact-key.js";
import type { AddFact, FactMember, FactWindow } from "../windows/fact-window.js";
import { mostDistinctWithin } from "../windows/sliding-count.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { marginWeight } from "./finding-builder.js";
import { mergeFacts, sortFacts } from "./merge-facts.js";
import { severityOf } from "./source-scan.js";

const icmp = 1;
const icmpv6 = 58;
const echoPort = 8 << 8;
const echoPortV6 = 128 << 8;
const minuteMs = 60_000;
/** Pinged again so much later in a slice: somebody watches the host. */
const againMs = 20_000;
/** Slower pinging reaches the limit with three times the hosts. */
const slowFactor = 3;
/** From this share of answers on they may be the hosts that someone knows. */
const answeredShareKnown = 0.8;
const answered = 2;
const silent = 1;

/**
 * Host sweep by ICMP echo (T1018), answered or not: one source pings many
 * hosts that it had not pinged in the hour before. A poller pings the same
 * hosts again and again: what it pings again within a slice or knows from an
 * earlier one does not count, and a list that nearly always answers is low.
 *
 * Cost: one member for each host that a source pings in 10 minutes; other
 * protocols are left after one look at a column.
 */
export const hostSweep: FactDetector = {
  kinds: ["host_sweep"],
  facts: {
    id: 4,
    name: "echo_requests",
    sliceMs: 600_000,
    slicesBefore: 5,
    hotMembersMin: 5,
    membersMax: 1024,
  },

  protocols: [icmp, icmpv6],

  observeFlow(flow: FlowRow, add: AddFact): void {
    const { columns, row, addresses } = flow;
    const protocol = columns.protocol[row];
    if (protocol !== icmp && protocol !== icmpv6) return;
    if (columns.destinationPort[row] !== (protocol === icmp ? echoPort : echoPortV6)) return;
    const destination = columns.destinationIndex[row];
    if (addresses.isGroup[destination] === 1 || columns.outcome[row] === Outcome.unknown) return;
    const value = columns.outcome[row] === Outcome.answered ? answered : silent;
    const isBegin =
      columns.recordKind[row] === RecordKind.first || columns.recordKind[row] === RecordKind.only;
    add(hostSweep.facts, flow.source(), flow.destination(), isBegin ? flow.timeMs : flow.endMs, value);
  },

  detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
    const last = windows[windows.length - 1];
    const fresh = freshHosts(windows);
    const answers = fresh.filter(({ value }) => value === answered).length;
    const isKnown = answers >= fresh.length * answeredShareKnown;
    const swept = isKnown ? fresh.filter(({ firstMs, lastMs }) => lastMs - firstMs < againMs) : fresh;
    const factor = sweepFactor(swept, evaluation.policy.scan.sweepHostsMin, isKnown);
    if (factor === undefined) return undefined;
    const source = formatAddressKey(last.subject);
    const isIpv4 = swept[0].member.length === 4;
    return factFinding(
      {
        kind: "host_sweep",
        primaryKey: source,
        severity: isKnown ? "low" : severityOf(swept.length + last.refused, evaluation.policy),
        factors: [factor],
        sources: [source],
        targets: swept.map(({ member }) => formatAddressKey(member)),
        ports: [isIpv4 ? formatPort(echoPort, icmp) : formatPort(echoPortV6, icmpv6)],
        contactCount: swept.length + last.refused,
        sourceVerified: answers > 0,
        members: swept,
      },
      last,
      evaluation,
    );
  },
};

/** Hosts of the newest slice that were not pinged in the ones before. */
function freshHosts(windows: readonly FactWindow[]): FactMember[] {
  const before = mergeFacts(windows.slice(0, -1));
  return sortFacts(windows[windows.length - 1].members.filter(({ member }) => !before.has(member)));
}

function sweepFactor(swept: readonly FactMember[], limit: number, isKnown: boolean): ScoreFactor | undefined {
  const quick = mostDistinctWithin(
    swept.map(({ firstMs, member }) => ({ timeMs: firstMs, value: member })),
    minuteMs,
  );
  const isQuick = quick >= limit;
  if (!isQuick && swept.length < limit * slowFactor) return undefined;
  const [value, threshold] = isQuick ? [quick, limit] : [swept.length, limit * slowFactor];
  return {
    name: isQuick ? "pinged_hosts_per_minute" : "pinged_hosts_per_10_minutes",
    value,
    threshold,
    weight: (isKnown ? 0.4 : 0.6) + marginWeight(value, threshold, 0.1, 0.3),
  };
}
