import { Application, Outcome } from "@picket/proto/batch/flow-columns.js";
import type { FlowRow } from "../flows/flow-row.js";
import type { Finding, ScoreFactor, Severity } from "../incidents/incident.js";
import { formatAddressKey, type AddressKey } from "../windows/address-key.js";
import { formatPort, parseServiceKey, serviceKey } from "../windows/contact-key.js";
import type { AddFact, FactKind, FactMember, FactWindow } from "../windows/fact-window.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { confidenceOf, samplesMax } from "./finding-builder.js";
import { PoolNames } from "./pool-names.js";
import { PolicyPorts } from "../flows/port-set.js";

const tcp = 6;
/** More than this in a minute is no talk between miner and pool. */
const thinBytesPerMinute = 32_768;
/** Below this much confidence nothing is said: people read about pools, and resolvers ask for others. */
const confidenceTold = 0.35;
const confidenceMedium = 0.5;
const confidenceHigh = 0.85;

/** What a member is: its first character. */
const Mark = { stratum: "s", port: "p", asked: "d", named: "n" } as const;

const poolPorts = new PolicyPorts();

const facts: FactKind = {
  id: 20,
  name: "mining",
  sliceMs: 3_600_000,
  slicesBefore: 1,
  hotMembersMin: 1,
  membersMax: 256,
};

/**
 * Coin mining (T1496): several signs of one host, each with a weight. The words
 * of stratum in its flows, the name of a pool's server in a TLS hello or a
 * question to DNS, and flows to a pool's port that last long with little in
 * them. A port alone is nothing, nor is a peer of Bitcoin or Ethereum.
 *
 * Cost: a host that does not mine adds nothing, a miner one member a flow and
 * name and hour: some ten an hour.
 */
export const mining: FactDetector = { kinds: ["mining"], facts, observeFlow, detect };

function observeFlow(flow: FlowRow, add: AddFact): void {
  const { columns, row } = flow;
  const { mining: policy } = flow.policy;
  if (columns.name[row] !== 0) observeName(flow, add);
  if (columns.protocol[row] !== tcp) return;
  if (columns.application[row] === Application.stratum) observeStratum(flow, add);
  else if (poolPorts.has(policy.ports, columns.destinationPort[row])) observePort(flow, add);
}

function observeName(flow: FlowRow, add: AddFact): void {
  const { columns, row } = flow;
  const place = columns.name[row];
  const from = place === 1 ? 0 : columns.nameEnds[place - 2];
  if (!PoolNames.of(flow.policy.mining.domains).has(columns.nameBytes, from, columns.nameEnds[place - 1]))
    return;
  const mark = columns.application[row] === Application.dns ? Mark.asked : Mark.named;
  add(facts, flow.source(), mark + flow.name(), flow.timeMs);
}

/** Both ends speak stratum; of a flow seen from its middle on the initiator is a guess. */
function observeStratum(flow: FlowRow, add: AddFact): void {
  const { columns, row } = flow;
  const isPoolFirst = isReversed(flow);
  const port = isPoolFirst ? columns.sourcePort[row] : columns.destinationPort[row];
  const clientPort = isPoolFirst ? columns.destinationPort[row] : columns.sourcePort[row];
  const miner = isPoolFirst ? flow.destination() : flow.source();
  const pool = isPoolFirst ? flow.source() : flow.destination();
  addFlow(flow, add, miner, Mark.stratum + flowKey(pool, port, clientPort));
}

function isReversed({ columns, row, addresses }: FlowRow): boolean {
  if (columns.outcome[row] !== Outcome.unknown) return false;
  const isSourceInside = addresses.isInside[columns.sourceIndex[row]];
  const isDestinationInside = addresses.isInside[columns.destinationIndex[row]];
  if (isSourceInside !== isDestinationInside) return isDestinationInside === 1;
  return columns.sourcePort[row] < columns.destinationPort[row];
}

function observePort(flow: FlowRow, add: AddFact): void {
  const { columns, row, addresses } = flow;
  if (columns.outcome[row] !== Outcome.answered && columns.outcome[row] !== Outcome.unknown) return;
  if (addresses.isInside[columns.sourceIndex[row]] === 0) return;
  const key = flowKey(flow.destination(), columns.destinationPort[row], columns.sourcePort[row]);
  addFlow(flow, add, flow.source(), Mark.port + key);
}

/** Its start and its end, and the most it carried in a minute. */
function addFlow(flow: FlowRow, add: AddFact, miner: AddressKey, member: string): void {
  const { columns, row, timeMs, endMs } = flow;
  const bytes = columns.forwardBytes[row] + columns.reverseBytes[row];
  const bytesPerMinute = Math.floor(bytes / Math.max(1, (endMs - timeMs) / 60_000));
  add(facts, miner, member, timeMs, bytesPerMinute);
  // What went on past the end of the slice counts as long as the slice reaches.
  const sliceEndMs = (Math.floor(timeMs / facts.sliceMs) + 1) * facts.sliceMs;
  add(facts, miner, member, Math.min(endMs, sliceEndMs - 1), bytesPerMinute);
}

function flowKey(pool: AddressKey, port: number, clientPort: number): string {
  return String.fromCharCode(clientPort >>> 8, clientPort & 0xff) + serviceKey(pool, port, tcp);
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const members = windows.flatMap((window) => window.members);
  const marked = (mark: string): FactMember[] => members.filter(({ member }) => member[0] === mark);
  const stratum = marked(Mark.stratum);
  const flows = [...stratum, ...marked(Mark.port)];
  const factors = factorsOf({
    stratum: stratum.length,
    servers: new Set(stratum.map(serverOf)).size,
    asked: new Set(marked(Mark.asked).map(({ member }) => member)).size,
    named: new Set(marked(Mark.named).map(({ member }) => member)).size,
    poolPorts: flows.filter((flow) => isPoolPort(flow, evaluation)).length,
    thinMinutes: longestThin(flows),
    thinMinutesMin: evaluation.policy.mining.thinFlowMinutes,
  });
  const confidence = confidenceOf(factors);
  if (confidence < confidenceTold) return undefined;
  const miner = formatAddressKey(windows[0].subject);
  const servers = flows.map((flow) => parseServiceKey(serverOf(flow)));
  const finding = factFinding(
    {
      kind: "mining",
      primaryKey: miner,
      severity: severityOf(confidence),
      factors,
      sources: [miner],
      targets: servers.map(({ destination }) => formatAddressKey(destination)),
      ports: servers.map(({ port }) => formatPort(port, tcp)),
      contactCount: flows.length,
      members,
      sourceVerified: flows.length > 0,
    },
    windows[windows.length - 1],
    evaluation,
  );
  const samples = flows.slice(0, samplesMax).map((flow) => sampleOf(windows[0].subject, flow));
  return { ...finding, samples };
}

interface MiningSigns {
  readonly stratum: number;
  readonly servers: number;
  readonly asked: number;
  readonly named: number;
  readonly poolPorts: number;
  readonly thinMinutes: number;
  readonly thinMinutesMin: number;
}

function factorsOf(signs: MiningSigns): ScoreFactor[] {
  const { stratum, servers, asked, named, poolPorts, thinMinutes, thinMinutesMin } = signs;
  const factors: ScoreFactor[] = [
    { name: "stratum_flows", value: stratum, threshold: 1, weight: 0.6 },
    { name: "stratum_servers", value: servers, threshold: 2, weight: 0.1 },
    { name: "pool_server_names", value: named, threshold: 1, weight: 0.4 },
    { name: "pool_names_asked", value: asked, threshold: 1, weight: 0.25 },
    { name: "pool_port_flows", value: poolPorts, threshold: 1, weight: 0.1 },
    { name: "thin_flow_minutes", value: thinMinutes, threshold: thinMinutesMin, weight: 0.25 },
  ];
  return factors.filter(({ value, threshold }) => value >= threshold);
}

function isPoolPort(flow: FactMember, { policy }: FactEvaluation): boolean {
  return poolPorts.has(policy.mining.ports, parseServiceKey(serverOf(flow)).port);
}

/** Minutes that the longest of the flows lasted without ever carrying much. */
function longestThin(flows: readonly FactMember[]): number {
  const spans = new Map<string, { firstMs: number; lastMs: number; value: number }>();
  for (const { member, firstMs, lastMs, value } of flows) {
    const key = member.slice(1);
    const known = spans.get(key) ?? { firstMs, lastMs, value };
    spans.set(key, {
      firstMs: Math.min(known.firstMs, firstMs),
      lastMs: Math.max(known.lastMs, lastMs),
      value: Math.max(known.value, value),
    });
  }
  let longestMs = 0;
  for (const { firstMs, lastMs, value } of spans.values())
    if (value <= thinBytesPerMinute) longestMs = Math.max(longestMs, lastMs - firstMs);
  return Math.floor(longestMs / 60_000);
}

/** Service key of a flow's server. */
function serverOf({ member }: FactMember): string {
  return member.slice(3);
}

function severityOf(confidence: number): Severity {
  if (confidence >= confidenceHigh) return "high";
  return confidence >= confidenceMedium ? "medium" : "low";
}

function sampleOf(source: AddressKey, flow: FactMember): Finding["samples"][number] {
  const { destination, port, protocol } = parseServiceKey(serverOf(flow));
  const { firstMs, sensors } = flow;
  return { source, destination, port, protocol, firstMs, outcome: Outcome.answered, sensors };
}
