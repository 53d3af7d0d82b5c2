import type { FlowRow } from "../flows/flow-row.js";
import { flowIdentity, wordKey } from "../flows/flow-identity.js";
import { portTable } from "../flows/port-set.js";
import type { Finding } from "../incidents/incident.js";
import { formatAddressKey } from "../windows/address-key.js";
import { formatPort, parsePortKey, portKey } from "../windows/contact-key.js";
import type { AddFact, FactKind, FactWindow } from "../windows/fact-window.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { marginWeight } from "./finding-builder.js";

const udp = 17;
/** Bytes answered for each byte asked from which a service amplifies. */
const ratioMin = 5;
/** Below this a record says nothing: a single answer. */
const answeredBytesMin = 500;
const keyBytes = 3;

const facts: FactKind = {
  id: 14,
  name: "reflected_bytes",
  sliceMs: 60_000,
  slicesBefore: 0,
  hotMembersMin: 1,
  membersMax: 2048,
};

/**
 * The other side of an amplification (T1498.002): an inside service answers one
 * outside address with many times what was asked, more than anybody there wants.
 * Cost: a fact is a flow from outside to a reflecting port with five times as
 * much answered as asked; a public name server has one for each large answer.
 */
export const reflectorAbuse: FactDetector = {
  kinds: ["amplification"],
  facts,
  protocols: [udp],
  observeFlow,
  detect,
};

function observeFlow(flow: FlowRow, add: AddFact): void {
  const { columns, row, addresses } = flow;
  const answered = columns.reverseBytes[row];
  if (answered < answeredBytesMin || answered < ratioMin * columns.forwardBytes[row]) return;
  const port = columns.destinationPort[row];
  if (portTable(flow.policy.amplification.ports)[port] === 0) return;
  const [source, destination] = [columns.sourceIndex[row], columns.destinationIndex[row]];
  if (addresses.isInside[destination] === 0 || addresses.isInside[source] === 1) return;
  const subject = portKey(port, udp) + flow.destination() + flow.source();
  add(facts, subject, wordKey(flowIdentity(columns, row)), flow.endMs, answered);
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const window = windows[windows.length - 1];
  const limit = evaluation.policy.amplification.reflectedBytesPerMinuteMin;
  const { members, refused, subject } = window;
  if (members.length === 0) return undefined;
  const listed = members.reduce((sum, { value }) => sum + value, 0);
  const bytes = Math.round(listed * (1 + refused / members.length));
  if (bytes < limit) return undefined;
  const { port } = parsePortKey(subject);
  const reflectorEnd = keyBytes + (subject.length > keyBytes + 8 ? 16 : 4);
  const reflector = formatAddressKey(subject.slice(keyBytes, reflectorEnd));
  return factFinding(
    {
      kind: "amplification",
      primaryKey: reflector,
      severity: "medium",
      factors: [
        {
          name: "reflected_bytes_per_minute",
          value: bytes,
          threshold: limit,
          weight: 0.55 + marginWeight(bytes, limit, 0.05, 0.25),
        },
      ],
      sources: [reflector],
      targets: [formatAddressKey(subject.slice(reflectorEnd))],
      ports: [formatPort(port, udp)],
      contactCount: members.length + refused,
      sourceVerified: true,
      members,
    },
    window,
    evaluation,
  );
}
