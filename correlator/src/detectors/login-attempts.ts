import { Application, FlowEndReason, RecordKind } from "@picket/proto/batch/flow-columns.js";
import type { FlowRow } from "../flows/flow-row.js";
import { portTable } from "../flows/port-set.js";
import { prefixOf, type AddressKey } from "../windows/address-key.js";
import { portKey } from "../windows/contact-key.js";
import type { AddFact, FactKind, FactMember } from "../windows/fact-window.js";

const tcp = 6;
const sshPort = 22;
const pushFlag = 0x08;
const durationMaxMs = 60_000;
/** Services whose handshake alone is some kilobytes. */
const encryptedPorts: ReadonlySet<number> = new Set([
  25, 139, 445, 465, 587, 636, 993, 995, 3389, 5985, 5986,
]);
/** Services that a person or an administrator logs in to. */
export const personPorts: ReadonlySet<number> = new Set([21, 22, 23, 2222, 2323, 3389, 5900, 5901]);

/** Most bytes of one failed login with its retries, headers included: of the client, of the server. */
export interface LoginSizes {
  readonly forwardMax: number;
  readonly reverseMax: number;
}
const sshSizes: LoginSizes = { forwardMax: 4200, reverseMax: 4200 };
const encryptedSizes: LoginSizes = { forwardMax: 6000, reverseMax: 9000 };
const plainSizes: LoginSizes = { forwardMax: 2500, reverseMax: 4000 };

/** One in so many connections that are no attempts is kept, by source port. */
export const otherSampling = 8;
/** What a record says of a login; the first char of a member. */
export const LoginMark = {
  /** A whole attempt, */
  attempt: "a",
  /** or what came of one after its first two seconds, */
  late: "l",
  /** and before. */
  begun: "b",
  /** No attempt. */
  other: "n",
} as const;
export type LoginMark = (typeof LoginMark)[keyof typeof LoginMark];
const isSsh = 1;
/** A value is bytes and, below them, hundredths of a second. */
const hundredthMs = 10;
const hundredthsMax = 65_535;

/** True for a record of a connection to a service that asks for a password. */
export function isLogin({ columns, row, policy }: FlowRow): boolean {
  if (columns.protocol[row] !== tcp) return false;
  const isNamed = columns.application[row] === Application.ssh;
  return isNamed || portTable(policy.bruteForce.ports)[columns.destinationPort[row]] === 1;
}

/** True for one to SSH, on any port. */
export function isSshLogin({ columns, row }: FlowRow): boolean {
  return columns.application[row] === Application.ssh || columns.destinationPort[row] === sshPort;
}

/** Sizes of a failed login to the record's service. */
export function loginSizes(flow: FlowRow): LoginSizes {
  if (isSshLogin(flow)) return sshSizes;
  return encryptedPorts.has(flow.columns.destinationPort[flow.row]) ? encryptedSizes : plainSizes;
}

/** What a record that ends a connection says; undefined for any other, and where it is not kept. */
export function endedLogin(flow: FlowRow, sizes: LoginSizes): LoginMark | undefined {
  const { columns, row, timeMs, endMs } = flow;
  const kind = columns.recordKind[row];
  if (kind !== RecordKind.only && kind !== RecordKind.last) return undefined;
  if (columns.reversePackets[row] === 0 && kind === RecordKind.only) return undefined;
  const isEnded = columns.endReason[row] === FlowEndReason.endDetected && endMs - timeMs <= durationMaxMs;
  if (!isEnded || !isShort(flow, sizes)) return otherLogin(flow);
  return kind === RecordKind.only ? LoginMark.attempt : LoginMark.late;
}

/** Both sides said something, and little. A check that only connects says nothing. */
export function isShort({ columns, row }: FlowRow, { forwardMax, reverseMax }: LoginSizes): boolean {
  if ((columns.forwardTcpFlags[row] & pushFlag) === 0) return false;
  return columns.forwardBytes[row] <= forwardMax && columns.reverseBytes[row] <= reverseMax;
}

/** That the connection is no attempt, where that is kept. */
export function otherLogin({ columns, row }: FlowRow): LoginMark | undefined {
  return (columns.sourcePort[row] >>> 1) % otherSampling === 3 ? LoginMark.other : undefined;
}

/**
 * Adds what a record says to its source and, from outside, to the source's prefix.
 * @param place tells connections of one source with one service apart, 16 bits
 */
export function addLogin(
  flow: FlowRow,
  add: AddFact,
  kind: FactKind,
  mark: LoginMark,
  place: number,
  timeMs: number,
): void {
  const { columns, row, addresses } = flow;
  if (addresses.isGroup[columns.destinationIndex[row]] === 1) return;
  const source = flow.source();
  const member = mark + serviceOf(flow, place) + source;
  const bytes = Math.min(0xffff_ffff, columns.forwardBytes[row] + columns.reverseBytes[row]);
  const hundredths = Math.min(hundredthsMax, Math.floor((flow.endMs - flow.timeMs) / hundredthMs));
  const value = bytes * (hundredthsMax + 1) + Math.max(0, hundredths);
  add(kind, source, member, timeMs, value);
  if (addresses.isInside[columns.sourceIndex[row]] === 0) add(kind, prefixOf(source), member, timeMs, value);
}

function serviceOf(flow: FlowRow, place: number): string {
  const { columns, row } = flow;
  const ssh = columns.application[row] === Application.ssh ? isSsh : 0;
  const destination = flow.destination();
  const ends = String.fromCharCode(place >>> 8, place & 0xff, destination.length) + destination;
  return portKey(columns.destinationPort[row], ssh) + ends;
}

/** A login connection as kept; its fact's time is its end. */
export interface LoginConnection {
  readonly isAttempt: boolean;
  /** The bytes are those after the first two seconds only. */
  readonly isLate: boolean;
  readonly port: number;
  readonly ssh: boolean;
  readonly destination: AddressKey;
  readonly source: AddressKey;
  readonly bytes: number;
  readonly durationMs: number;
  readonly fact: FactMember;
}

/** The connection that a fact is about. */
export function loginConnection(fact: FactMember): LoginConnection {
  const { member, value } = fact;
  const destinationEnd = 7 + member.charCodeAt(6);
  return {
    isAttempt: member[0] === LoginMark.attempt || member[0] === LoginMark.late,
    isLate: member[0] === LoginMark.late,
    port: (member.charCodeAt(1) << 8) | member.charCodeAt(2),
    ssh: member.charCodeAt(3) === isSsh,
    destination: member.slice(7, destinationEnd),
    source: member.slice(destinationEnd),
    bytes: Math.floor(value / (hundredthsMax + 1)),
    durationMs: (value % (hundredthsMax + 1)) * hundredthMs,
    fact,
  };
}

/** True for one to SSH, as `isSshLogin` of its record. */
export function isSshConnection({ port, ssh }: LoginConnection): boolean {
  return ssh || port === sshPort;
}
