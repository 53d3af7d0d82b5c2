import { Application, FlowEndReason, RecordKind } from "@picket/proto/batch/flow-columns.js";
import type { FlowRow } from "../flows/flow-row.js";
import { portTable } from "../flows/port-set.js";
import { prefixOf, type AddressKey } from "../windows/address-key.js";
import { portKey } from "../windows/contact-key.js";
import type { AddFact, FactKind, FactMember } from "../windows/fact-window.js";

const tcp = 6;
const sshPort = 22;
const ftpPort = 21;
const pushFlag = 0x08;
/**
 * An FTP server answers a refused login with a greeting, a question and a refusal, and
 * waits before the next; what moved a file has nine answers or more, at once.
 */
const ftpSessionPacketsMin = 13;
const ftpSessionMaxMs = 1000;
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
  /** Most that the server says beyond what the client does, where it says more than a key exchange of old. */
  readonly surplus?: { readonly reverseMin: number; readonly max: number };
}
/**
 * A post-quantum key exchange adds a kilobyte to each side alike. After a password that
 * is right OpenSSH's server tells all its keys, so that the shortest session with a key
 * exchange of old is not longer than a failure with a new one, but more of it comes back.
 */
const sshSizes: LoginSizes = { forwardMax: 4200, reverseMax: 4200, surplus: { reverseMin: 3400, max: 600 } };
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
/** A value is the client's bytes, the server's and hundredths of a second, 16 bits each. */
const hundredthMs = 10;
const partMax = 65_535;
const partSize = partMax + 1;

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
  return isSshLogin(flow) ? sshSizes : portSizes(flow.columns.destinationPort[flow.row]);
}

/** The same of a connection as kept. */
export function connectionSizes(login: LoginConnection): LoginSizes {
  return isSshConnection(login) ? sshSizes : portSizes(login.port);
}

function portSizes(port: number): LoginSizes {
  return encryptedPorts.has(port) ? encryptedSizes : plainSizes;
}

/** What a record says of a login, whole or one of its parts; undefined where that is not kept. */
export function loginMark(flow: FlowRow, sizes: LoginSizes): LoginMark | undefined {
  if (flow.columns.recordKind[flow.row] !== RecordKind.first) return endedLogin(flow, sizes);
  return isShort(flow, sizes) ? LoginMark.begun : otherLogin(flow);
}

/** What a record that ends a connection says; undefined for any other, and where it is not kept. */
function endedLogin(flow: FlowRow, sizes: LoginSizes): LoginMark | undefined {
  const { columns, row, timeMs, endMs } = flow;
  const kind = columns.recordKind[row];
  if (kind !== RecordKind.only && kind !== RecordKind.last) return undefined;
  if (columns.reversePackets[row] === 0 && kind === RecordKind.only) return undefined;
  const isEnded = columns.endReason[row] === FlowEndReason.endDetected && endMs - timeMs <= durationMaxMs;
  if (!isEnded || !isShort(flow, sizes) || isFtpSession(flow)) return otherLogin(flow);
  return kind === RecordKind.only ? LoginMark.attempt : LoginMark.late;
}

/** Both sides said something, and little. A check that only connects says nothing. */
function isShort({ columns, row }: FlowRow, sizes: LoginSizes): boolean {
  if ((columns.forwardTcpFlags[row] & pushFlag) === 0) return false;
  return isFailureSized(columns.forwardBytes[row], columns.reverseBytes[row], sizes);
}

/** True for a connection by which somebody was let in by FTP, and moved something. */
function isFtpSession({ columns, row, timeMs, endMs }: FlowRow): boolean {
  if (columns.destinationPort[row] !== ftpPort || columns.recordKind[row] !== RecordKind.only) return false;
  return columns.reversePackets[row] >= ftpSessionPacketsMin && endMs - timeMs < ftpSessionMaxMs;
}

/** True when client and server say no more than in a failed login. */
export function isFailureSized(
  forward: number,
  reverse: number,
  { forwardMax, reverseMax, surplus }: LoginSizes,
): boolean {
  if (forward > forwardMax || reverse > reverseMax) return false;
  return surplus === undefined || reverse <= surplus.reverseMin || reverse - forward <= surplus.max;
}

/** That the connection is no attempt, where that is kept. */
function otherLogin({ columns, row }: FlowRow): LoginMark | undefined {
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
  const parts = [
    columns.forwardBytes[row],
    columns.reverseBytes[row],
    (flow.endMs - flow.timeMs) / hundredthMs,
  ];
  const value = parts.reduce((sum, part) => sum * partSize + within(part), 0);
  add(kind, source, member, timeMs, value);
  if (addresses.isInside[columns.sourceIndex[row]] === 0) add(kind, prefixOf(source), member, timeMs, value);
}

function within(part: number): number {
  return Math.max(0, Math.min(partMax, Math.floor(part)));
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
  readonly forwardBytes: number;
  readonly reverseBytes: number;
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
    forwardBytes: Math.floor(value / partSize / partSize),
    reverseBytes: Math.floor(value / partSize) % partSize,
    durationMs: (value % partSize) * hundredthMs,
    fact,
  };
}

/** True for one to SSH, as `isSshLogin` of its record. */
export function isSshConnection({ port, ssh }: LoginConnection): boolean {
  return ssh || port === sshPort;
}
