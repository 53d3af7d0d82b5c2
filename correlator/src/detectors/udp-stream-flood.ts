import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { flowIdentity, wordKey } from "../flows/flow-identity.js";
import type { FlowRow } from "../flows/flow-row.js";
import { portTable } from "../flows/port-set.js";
import type { Finding } from "../incidents/incident.js";
import { formatAddressKey } from "../windows/address-key.js";
import { formatPort } from "../windows/contact-key.js";
import type { AddFact, FactKind, FactMember, FactWindow } from "../windows/fact-window.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { marginWeight } from "./finding-builder.js";
import { peakWithin } from "./flow-rate.js";

const icmp = 1;
const udp = 17;
const icmpv6 = 58;
const sliceMs = 60_000;
const slicesBefore = 5;
const secondsPerSlice = sliceMs / 1000;
const secondsMin = 3;
const usualFactor = 2;
/** A flow below this many packets in a record, or a second, is no part of a flood. */
const packetsMin = 100;
/** Datagrams from this size on may be media or a backup: a quarter of them counts. */
const mediaBytes = 700;
const mediaFactor = 4;
const tenths = 65_536;

const facts: FactKind = {
  id: 12,
  name: "udp_stream",
  sliceMs,
  slicesBefore,
  hotMembersMin: 1,
  membersMax: 2048,
};

/**
 * UDP or ICMP flood of one host in few flows of very many packets (T1498.001):
 * one-way UDP, or any ICMP, of at least 100 packets a second in a flow. Calls,
 * games, QUIC and iperf between two hosts are answered and never counted; one-way media counts
 * a quarter. Cost: one fact a minute for each such flow; an ordinary host has none.
 */
export const udpStreamFlood: FactDetector = {
  kinds: ["udp_flood"],
  facts,
  protocols: [udp, icmp, icmpv6],
  observeFlow,
  detect,
};

function observeFlow(flow: FlowRow, add: AddFact): void {
  const { columns, row } = flow;
  const packets = columns.forwardPackets[row];
  if (packets < packetsMin) return;
  const protocol = columns.protocol[row];
  if (protocol === udp ? !isOneWay(flow) : protocol !== icmp && protocol !== icmpv6) return;
  if (flow.addresses.isGroup[columns.destinationIndex[row]] === 1) return;
  const intervalMs = Math.min(flow.endMs - flow.timeMs, flow.policy.sensor.activeTimeoutMs);
  const seconds = Math.max(1, Math.ceil(intervalMs / 1000));
  if (packets / seconds < packetsMin) return;
  const isMedia = protocol === udp && columns.forwardBytes[row] >= packets * mediaBytes;
  const counted = Math.floor(isMedia ? packets / mediaFactor : packets);
  const port = columns.destinationPort[row];
  const member =
    wordKey(flowIdentity(columns, row)) + String.fromCharCode(port >>> 8, port & 0xff) + flow.source();
  const subject = String.fromCharCode(protocol) + flow.destination();
  add(facts, subject, member, flow.endMs, counted * tenths + Math.min(tenths - 1, seconds));
}

function isOneWay({ columns, row, policy }: FlowRow): boolean {
  if (columns.outcome[row] === Outcome.answered) return false;
  return portTable(policy.amplification.ports)[columns.sourcePort[row]] === 0;
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const window = windows[windows.length - 1];
  if (window.members.length === 0) return undefined;
  const { burst } = evaluation.policy;
  const protocol = window.subject.charCodeAt(0);
  const limit = protocol === udp ? burst.udpFloodPacketsPerSecondMin : burst.icmpFloodPacketsPerSecondMin;
  const rate = peakWithin(packetsBySecond([window]), secondsMin, 0).sum / secondsMin;
  const before = packetsBySecond(windows.slice(0, -1));
  const usual = before.reduce((sum, packets) => sum + Math.min(packets, limit), 0) / before.length;
  const threshold = Math.max(limit, usualFactor * usual);
  if (rate < threshold) return undefined;
  const sources = sourcesOf(window.members);
  const target = formatAddressKey(window.subject.slice(1));
  return factFinding(
    {
      kind: "udp_flood",
      primaryKey: target,
      severity: sources.length > 8 || rate >= limit * 4 ? "high" : "medium",
      factors: [
        {
          name: "one_way_packets_per_second",
          value: Math.round(rate),
          threshold: Math.round(threshold),
          weight: 0.6 + marginWeight(rate, threshold, 0.05, 0.25),
        },
      ],
      sources,
      targets: [target],
      ports: portsOf(window.members, protocol),
      contactCount: window.members.length,
      members: window.members,
    },
    window,
    evaluation,
  );
}

/**
 * Packets of each second, flows spread evenly over their time: a record ends within
 * its slice and reaches back by the active timeout, so the slice before is included.
 */
function packetsBySecond(windows: readonly FactWindow[]): Float64Array {
  const seconds = new Float64Array((windows.length + 1) * secondsPerSlice);
  const startMs = (windows[0].slice - 1) * sliceMs;
  for (const { members } of windows)
    for (const { value, lastMs } of members) {
      const length = Math.max(1, value % tenths);
      const rate = Math.floor(value / tenths) / length;
      const last = Math.floor((lastMs - startMs) / 1000);
      for (let second = Math.max(0, last - length + 1); second <= last; second++) seconds[second] += rate;
    }
  return seconds;
}

/** Sources, without the placeholder of what a full flow table could only count. */
function sourcesOf(members: readonly FactMember[]): string[] {
  return [...new Set(members.map(({ member }) => member.slice(6)))]
    .filter((source) => !/^\0+$/.test(source))
    .map(formatAddressKey);
}

function portsOf(members: readonly FactMember[], protocol: number): string[] {
  const ports = members.map(({ member }) =>
    formatPort((member.charCodeAt(4) << 8) | member.charCodeAt(5), protocol),
  );
  const distinct = [...new Set(ports)];
  return distinct.length <= 8 ? distinct : [];
}
