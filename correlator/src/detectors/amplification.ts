import { Outcome } from "@picket/proto/batch/flow-columns.js";
import type { FlowRow } from "../flows/flow-row.js";
import { portTable } from "../flows/port-set.js";
import type { Finding, ScoreFactor } from "../incidents/incident.js";
import { formatAddressKey } from "../windows/address-key.js";
import { formatPort, parsePortKey, portKey } from "../windows/contact-key.js";
import type { AddFact, FactKind, FactMember, FactWindow } from "../windows/fact-window.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { marginWeight } from "./finding-builder.js";

const udp = 17;
const sliceMs = 60_000;
/** Answers whose hosts are asked by a group address, which no flow pairs with the question. */
const discoveryPorts: ReadonlySet<number> = new Set([137, 427, 1900, 3702, 5353]);
/** Services of which ordinary hosts ask very many servers, and the size that their ordinary answers stay below. */
const commonPorts: ReadonlySet<number> = new Set([53, 123]);
const commonBytesMax = 300;
/** So many times the sources make an attack of any size of answer. */
const certainFactor = 10;

const facts: FactKind = {
  id: 13,
  name: "reflection",
  sliceMs,
  slicesBefore: 1,
  hotMembersMin: 2,
  membersMax: 1024,
};

/**
 * Reflection and amplification (T1498.002): very many hosts answer one host from
 * the same service port though it asked none of them, because somebody asked in
 * its name. The answers are no contacts of the reflectors, which are victims too.
 * Cost: a fact is an unanswered datagram from a reflecting port to another
 * port; an ordinary host has a few a day.
 */
export const amplification: FactDetector = {
  kinds: ["amplification"],
  facts,
  protocols: [udp],
  observeFlow,
  detect,
};

function observeFlow(flow: FlowRow, add: AddFact): void {
  const { columns, row, addresses } = flow;
  if (columns.protocol[row] !== udp || columns.outcome[row] === Outcome.answered) return;
  const port = columns.sourcePort[row];
  // Between two equal ports servers talk to each other.
  if (portTable(flow.policy.amplification.ports)[port] === 0 || port === columns.destinationPort[row]) return;
  const [source, destination] = [columns.sourceIndex[row], columns.destinationIndex[row]];
  if (addresses.isGroup[destination] === 1 || addresses.isGroup[source] === 1) return;
  if (addresses.isInside[source] === 1 && discoveryPorts.has(port)) return;
  const bytes = columns.forwardBytes[row] / Math.max(1, columns.forwardPackets[row]);
  add(facts, flow.destination(), portKey(port, udp) + flow.source(), flow.timeMs, Math.floor(bytes));
}

/** Reflectors of one service port. */
interface Reflectors {
  readonly port: number;
  readonly members: readonly FactMember[];
  readonly sources: ReadonlySet<string>;
  /** Mean of their largest answers, bytes a packet. */
  readonly meanBytes: number;
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const window = windows[windows.length - 1];
  const { sourcesMin } = evaluation.policy.amplification;
  const services = reflectorsOf(windows.flatMap(({ members }) => members));
  const suspects = services.filter((service) => !isCommon(service, sourcesMin));
  const members = suspects.flatMap((service) => service.members);
  const sources = new Set(suspects.flatMap((service) => [...service.sources]));
  const count = sources.size + (suspects.length > 0 ? window.refused : 0);
  if (count < sourcesMin) return undefined;
  const target = formatAddressKey(window.subject);
  return factFinding(
    {
      kind: "amplification",
      primaryKey: target,
      severity: "high",
      factors: factorsOf(suspects, count, sourcesMin),
      sources: [...sources].sort().map(formatAddressKey),
      sourceCount: count,
      targets: [target],
      ports: suspects.map(({ port }) => formatPort(port, udp)),
      contactCount: count,
      members,
    },
    window,
    evaluation,
  );
}

function factorsOf(services: readonly Reflectors[], count: number, sourcesMin: number): ScoreFactor[] {
  const most = services.reduce((sum, { sources }) => Math.max(sum, sources.size), 0);
  const meanBytes = Math.round(
    services.reduce((sum, service) => sum + service.meanBytes * service.sources.size, 0) / Math.max(1, count),
  );
  return [
    {
      name: "reflectors",
      value: count,
      threshold: sourcesMin,
      weight: 0.5 + marginWeight(count, sourcesMin, 0.05, 0.2),
    },
    {
      name: "reflectors_of_one_port",
      value: most,
      threshold: sourcesMin,
      weight: most >= sourcesMin ? 0.15 : 0,
    },
    {
      name: "answer_bytes",
      value: meanBytes,
      threshold: commonBytesMax,
      weight: meanBytes > commonBytesMax ? 0.1 : 0,
    },
  ];
}

function reflectorsOf(members: readonly FactMember[]): Reflectors[] {
  const byPort = new Map<number, FactMember[]>();
  for (const member of members) {
    const { port } = parsePortKey(member.member);
    const known = byPort.get(port);
    if (known === undefined) byPort.set(port, [member]);
    else known.push(member);
  }
  return [...byPort]
    .sort((a, b) => a[0] - b[0])
    .map(([port, found]) => ({
      port,
      members: found,
      sources: new Set(found.map(({ member }) => member.slice(3))),
      meanBytes: found.reduce((sum, { value }) => sum + value, 0) / found.length,
    }));
}

/** Small answers of name and time servers: questions that this view did not see. */
function isCommon({ port, sources, meanBytes }: Reflectors, sourcesMin: number): boolean {
  if (!commonPorts.has(port)) return false;
  return meanBytes < commonBytesMax && sources.size < sourcesMin * certainFactor;
}
