import { Outcome, RecordKind } from "@picket/proto/batch/flow-columns.js";
import type { FlowRow } from "../flows/flow-row.js";
import { portTable } from "../flows/port-set.js";
import type { Finding } from "../incidents/incident.js";
import { formatAddressKey } from "../windows/address-key.js";
import { formatPort } from "../windows/contact-key.js";
import type { AddFact, FactKind, FactWindow } from "../windows/fact-window.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { marginWeight } from "./finding-builder.js";
import {
  addFlowRate,
  flowsBySecond,
  peakWithin,
  rateMembersMax,
  sampledFlows,
  sourcesOf,
  type SampledFlow,
} from "./flow-rate.js";

const icmp = 1;
const udp = 17;
const icmpv6 = 58;
const echoRequest = 8 << 8;
const echoRequestV6 = 128 << 8;
const sliceMs = 10_000;
const slicesBefore = 6;
/** The rate must hold for this long, or as much must come at once. */
const secondsMin = 3;
/** Usual rate, by the minute before: so many times as much is a flood. */
const usualFactor = 2;
/** One source that tries ever new ports scans, up to this many times the limit. */
const scanFactor = 10;
/** Inside clients that lost their server ask again this often a second at most. */
const retriesPerSecondMax = 50;
const isFlow = "f";

const facts: FactKind = {
  id: 11,
  name: "udp_rate",
  sliceMs,
  slicesBefore,
  hotMembersMin: 15,
  membersMax: rateMembersMax,
};

/**
 * UDP or ICMP flood of one host in many small flows: spoofed sources, or ports
 * that change with every datagram (T1498.001). Counts unanswered UDP flows and
 * echo requests a second; what answered before the flood does not matter.
 * Cost: a quarter of these flows is a fact; answered UDP has none.
 */
export const udpFlood: FactDetector = {
  kinds: ["udp_flood"],
  facts,
  protocols: [udp, icmp, icmpv6],
  observeFlow,
  detect,
};

function observeFlow(flow: FlowRow, add: AddFact): void {
  const { columns, row, addresses } = flow;
  const protocol = columns.protocol[row];
  if (protocol !== udp && protocol !== icmp && protocol !== icmpv6) return;
  const kind = columns.recordKind[row];
  if (kind !== RecordKind.first && kind !== RecordKind.only) return;
  if (addresses.isGroup[columns.destinationIndex[row]] === 1) return;
  if (addresses.isGroup[columns.sourceIndex[row]] === 1) return;
  if (protocol === udp ? !isUnasked(flow) : !isEcho(columns.destinationPort[row], protocol)) return;
  addFlowRate(flow, add, facts, String.fromCharCode(protocol) + flow.destination(), isFlow);
}

/** Unanswered, and no answer of a service that was asked in somebody's name. */
function isUnasked({ columns, row, policy }: FlowRow): boolean {
  if (columns.outcome[row] === Outcome.answered) return false;
  return portTable(policy.amplification.ports)[columns.sourcePort[row]] === 0;
}

function isEcho(typeCode: number, protocol: number): boolean {
  return typeCode === (protocol === icmp ? echoRequest : echoRequestV6);
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const window = windows[windows.length - 1];
  const limit = evaluation.policy.burst.udpFloodFlowsPerSecondMin;
  const perSecond = flowsBySecond(windows, isFlow);
  const start = slicesBefore * (sliceMs / 1000);
  const peak = peakWithin(perSecond, secondsMin, start);
  const rate = peak.sum / secondsMin;
  const threshold = Math.max(limit, usualFactor * usualRate(perSecond.subarray(0, start), limit));
  if (rate < threshold) return undefined;
  const samples = sampledFlows(window.members);
  const { sources, count } = sourcesOf(samples, peak.sum);
  if (isScan(samples, rate, limit) || isOutage(samples, count, rate, evaluation)) return undefined;
  const protocol = window.subject.charCodeAt(0);
  const target = formatAddressKey(window.subject.slice(1));
  return factFinding(
    {
      kind: "udp_flood",
      primaryKey: target,
      severity: count > 8 || rate >= limit * 4 ? "high" : "medium",
      factors: [
        {
          name: "unanswered_flows_per_second",
          value: Math.round(rate),
          threshold: Math.round(threshold),
          weight: 0.65 + marginWeight(rate, threshold, 0.05, 0.2),
        },
      ],
      sources,
      sourceCount: count,
      targets: [target],
      ports: portsOf(samples, protocol),
      contactCount: Math.round(perSecond.subarray(start).reduce((sum, flows) => sum + flows, 0)),
      members: window.members,
    },
    window,
    evaluation,
  );
}

/** Mean of the minute before, each second at most the limit, so that a flood does not become usual. */
function usualRate(before: Float64Array, limit: number): number {
  return before.reduce((sum, flows) => sum + Math.min(flows, limit), 0) / before.length;
}

/** One source, and hardly a port twice: a port scan, unless it is faster than scans are. */
function isScan(samples: readonly SampledFlow[], rate: number, limit: number): boolean {
  const sources = new Set(samples.map(({ source }) => source)).size;
  const ports = new Set(samples.map(({ port }) => port)).size;
  return sources <= 2 && ports > 4 && ports >= samples.length / 2 && rate < limit * scanFactor;
}

/** Inside clients, each no faster than one that asks again: their server is gone. */
function isOutage(
  samples: readonly SampledFlow[],
  sources: number,
  rate: number,
  { isInside }: FactEvaluation,
): boolean {
  const isAllInside = samples.length > 0 && samples.every(({ source }) => isInside(source));
  return isAllInside && sources >= 3 && rate / sources < retriesPerSecondMax;
}

/** The ports when they are few; a flood of all of them names none. */
function portsOf(samples: readonly SampledFlow[], protocol: number): string[] {
  const ports = [...new Set(samples.map(({ port }) => formatPort(port, protocol)))];
  return ports.length <= 8 ? ports : [];
}
