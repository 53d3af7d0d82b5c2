import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { flowIdentity, wordKey } from "../flows/flow-identity.js";
import type { FlowRow } from "../flows/flow-row.js";
import { bytesFactorName, isOfSources, type BurstDirection } from "../incidents/burst-direction.js";
import type { Finding, FindingContact } from "../incidents/incident.js";
import { formatService } from "../profiles/host-facts.js";
import { formatAddressKey, type AddressKey } from "../windows/address-key.js";
import { parsePortKey, portKey } from "../windows/contact-key.js";
import type { AddFact, FactKind, FactMember, FactWindow } from "../windows/fact-window.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { movingStatistics } from "./host-burst.js";

const sliceMs = 60_000;
/** A burst is a few hundred records of this size; what is smaller adds nothing that matters. */
const recordBytesMin = 262_144;
/** Peers and ports with this share of the bytes are named. */
const shareNamed = 0.1;
const samplesPerHost = 2;
const keyStart = 5;
const portKeyLength = 3;
/** Above the kind of the record: whether the subject began the flow. */
const isResponder = 0;
const isInitiator = 4;

const facts: FactKind = {
  id: 25,
  name: "volume",
  sliceMs,
  slicesBefore: 30,
  hotMembersMin: 1,
  membersMax: 512,
  isQuiet: true,
};

/**
 * A host that sends, or receives, far more in a minute than in the half hour
 * before: above the policy's limit, and above its own moving mean by that mean once
 * more, by half the limit and by `burst.zMin` standard deviations. One host alone is
 * no incident; several in the same minutes are a cross-host burst. A record holds the
 * bytes since the one before it of its flow; it is one member whichever sensors
 * saw it and however often it comes, and the largest value stands.
 *
 * Cost: a member of some 40 bytes for each record of 256 KiB or more at each of its
 * ends inside, and 512 of a host, minute and direction at most.
 */
export const volumeBurst: FactDetector = { kinds: ["host_burst"], facts, observeFlow, detect };

function observeFlow(flow: FlowRow, add: AddFact): void {
  const { columns, row } = flow;
  const forward = columns.forwardBytes[row];
  const reverse = columns.reverseBytes[row];
  if (forward < recordBytesMin && reverse < recordBytesMin) return;
  if (columns.outcome[row] !== Outcome.answered) return;
  const { isInside, isGroup } = flow.addresses;
  const [source, destination] = [columns.sourceIndex[row], columns.destinationIndex[row]];
  if (isGroup[destination] === 1) return;
  if (isInside[source] === 1) {
    addVolume(flow, add, "sent", isInitiator, forward);
    addVolume(flow, add, "received", isInitiator, reverse);
  }
  if (isInside[destination] === 1) {
    addVolume(flow, add, "sent", isResponder, reverse);
    addVolume(flow, add, "received", isResponder, forward);
  }
}

/** Bytes of one way of a record, to the one of its ends that moves them in this direction. */
function addVolume(
  flow: FlowRow,
  add: AddFact,
  direction: BurstDirection,
  side: number,
  bytes: number,
): void {
  if (bytes < recordBytesMin) return;
  const { columns, row, timeMs, endMs } = flow;
  const ends = [flow.source(), flow.destination()];
  const record = wordKey(flowIdentity(columns, row)) + String.fromCharCode(side | columns.recordKind[row]);
  const service = portKey(columns.destinationPort[row], columns.protocol[row]);
  const intervalMs = Math.max(sliceMs, Math.min(endMs - timeMs, flow.policy.sensor.activeTimeoutMs));
  const [host, peer] = side === isInitiator ? ends : ends.reverse();
  add(
    facts,
    tagOf(direction) + host,
    record + service + peer,
    endMs,
    Math.floor((bytes * sliceMs) / intervalMs),
  );
}

function tagOf(direction: BurstDirection): string {
  return direction === "sent" ? "s" : "r";
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const { burst } = evaluation.policy;
  const window = windows[windows.length - 1];
  const bytes = bytesOf(window);
  if (bytes < burst.bytesPerMinuteMin) return undefined;
  const { mean, variance } = movingStatistics(Float64Array.from(windows.slice(0, -1), bytesOf));
  const limit = mean + Math.max(mean, burst.zMin * Math.sqrt(variance), burst.bytesPerMinuteMin / 2);
  if (bytes <= limit) return undefined;
  return burstFinding(window, bytes, Math.max(limit, burst.bytesPerMinuteMin), evaluation);
}

/** Those that the cap refused are as large as the others. */
function bytesOf({ members, refused }: FactWindow): number {
  const listed = members.reduce((sum, { value }) => sum + value, 0);
  return members.length === 0 ? 0 : Math.round(listed * (1 + refused / members.length));
}

function burstFinding(window: FactWindow, bytes: number, limit: number, evaluation: FactEvaluation): Finding {
  const direction: BurstDirection = window.subject[0] === tagOf("sent") ? "sent" : "received";
  const host = formatAddressKey(window.subject.slice(1));
  const peers = named(window, bytes, peerOf).map(formatAddressKey);
  const finding = factFinding(
    {
      kind: "host_burst",
      primaryKey: `${direction} ${host}`,
      severity: "info",
      factors: [{ name: bytesFactorName, value: bytes, threshold: Math.round(limit), weight: 0.4 }],
      sources: isOfSources(direction) ? [host] : peers,
      targets: isOfSources(direction) ? peers : [host],
      ports: named(window, bytes, serviceOf).map(formatService),
      contactCount: window.members.length + window.refused,
      members: window.members,
    },
    window,
    evaluation,
  );
  return { ...finding, samples: samplesOf(window) };
}

/** The first records, as the contacts that they are of. */
function samplesOf({ subject, members }: FactWindow): FindingContact[] {
  return members.slice(0, samplesPerHost).map((fact) => {
    const ends = [subject.slice(1), peerOf(fact)];
    const isBegun = (fact.member.charCodeAt(keyStart - 1) & isInitiator) !== 0;
    const [source, destination] = isBegun ? ends : ends.reverse();
    const { firstMs, sensors } = fact;
    const { port, protocol } = parsePortKey(serviceOf(fact));
    return { source, destination, port, protocol, firstMs, sensors, outcome: Outcome.answered };
  });
}

/** Keys of the records that hold a tenth of the bytes together. */
function named({ members }: FactWindow, bytes: number, keyOf: (member: FactMember) => string): string[] {
  const sums = new Map<string, number>();
  for (const member of members) sums.set(keyOf(member), (sums.get(keyOf(member)) ?? 0) + member.value);
  return [...sums].filter(([, sum]) => sum >= shareNamed * bytes).map(([key]) => key);
}

function serviceOf({ member }: FactMember): string {
  return member.slice(keyStart, keyStart + portKeyLength);
}

function peerOf({ member }: FactMember): AddressKey {
  return member.slice(keyStart + portKeyLength);
}
