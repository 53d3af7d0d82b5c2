import { Application, Outcome, RecordKind } from "@picket/proto/batch/flow-columns.js";
import type { FlowRow } from "../flows/flow-row.js";
import { portTable } from "../flows/port-set.js";

const tcp = 6;
const sizeMax = 0xf_ffff;
/** Values above the bits of the marks are sizes. */
const sizeUnit = 16;

/** What is known of one contact, as bits of its member's value; the rest is the initiator's bytes. */
export const ContactMark = { named: 1, tls: 2, answered: 4, whole: 8 } as const;

/** Ports of the outside that ordinary programs keep coming back to: web, mail, names, shells, chat and push. */
const usualPorts = portTable([
  20, 21, 22, 25, 53, 80, 110, 143, 443, 465, 587, 853, 990, 993, 995, 1883, 4190, 5222, 5223, 5228, 5671,
  8080, 8443, 8883,
]);

/** True where nobody is surprised that a host comes back again and again. */
export function isUsualPort(port: number): boolean {
  return usualPorts[port] === 1;
}

/** True for the first record of a TCP connection, or a try of one, to the outside or a proxy. */
export function isOutboundContact({ columns, row, addresses, policy }: FlowRow): boolean {
  if (columns.protocol[row] !== tcp) return false;
  const kind = columns.recordKind[row];
  if (kind !== RecordKind.first && kind !== RecordKind.only) return false;
  const outcome = columns.outcome[row];
  if (outcome === Outcome.unknown || columns.stealthKind[row] !== 0) return false;
  const destination = columns.destinationIndex[row];
  if (addresses.isGroup[destination] === 1) return false;
  const isSourceInside = addresses.isInside[columns.sourceIndex[row]] === 1;
  // Of two outside hosts either may be the one that is guarded; who is not answered is a scanner.
  if (addresses.isInside[destination] === 0) return isSourceInside || outcome === Outcome.answered;
  return isSourceInside && portTable(policy.beacon.proxyPorts)[columns.destinationPort[row]] === 1;
}

/** Marks and size of a contact as a member's value. */
export function contactValue({ columns, row }: FlowRow): number {
  const marks =
    (columns.name[row] !== 0 ? ContactMark.named : 0) |
    (columns.application[row] === Application.tls ? ContactMark.tls : 0) |
    (columns.outcome[row] === Outcome.answered ? ContactMark.answered : 0) |
    (columns.recordKind[row] === RecordKind.only ? ContactMark.whole : 0);
  return Math.min(sizeMax, columns.forwardBytes[row]) * sizeUnit + marks;
}

/** True when the value has the mark. */
export function hasMark(value: number, mark: number): boolean {
  return ((value % sizeUnit) & mark) !== 0;
}

/** The initiator's bytes. */
export function sizeOf(value: number): number {
  return Math.floor(value / sizeUnit);
}
