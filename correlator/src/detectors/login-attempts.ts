import { Application, FlowEndReason, RecordKind } from "@picket/proto/batch/flow-columns.js";
import type { FlowRow } from "../flows/flow-row.js";
import { portTable } from "../flows/port-set.js";
import type { AddressKey } from "../windows/address-key.js";
import { portKey } from "../windows/contact-key.js";
import type { FactMember } from "../windows/fact-window.js";

const tcp = 6;
const pushFlag = 0x08;
const durationMaxMs = 60_000;
/** Services whose handshake alone is some kilobytes. */
const encryptedPorts: ReadonlySet<number> = new Set([
  25, 139, 445, 465, 587, 636, 993, 995, 3389, 5985, 5986,
]);

/** Most bytes of one failed login with its retries, headers included: of the client, of the server. */
interface Sizes {
  readonly forwardMax: number;
  readonly reverseMax: number;
}
const sshSizes: Sizes = { forwardMax: 4200, reverseMax: 4200 };
const encryptedSizes: Sizes = { forwardMax: 6000, reverseMax: 9000 };
const plainSizes: Sizes = { forwardMax: 2500, reverseMax: 4000 };

/** One in so many connections that are no attempts is kept, by source port. */
export const otherSampling = 8;
const isAttempt = "a";
const isLateAttempt = "l";
const isOther = "n";
const isSsh = 1;
/** A value is bytes and, below them, hundredths of a second. */
const hundredthMs = 10;
const hundredthsMax = 65_535;

/**
 * The member of a login connection that is over, with its bytes and duration as
 * the value; undefined for anything else. Looks at the port first.
 */
export function loginMember(flow: FlowRow): { member: string; value: number } | undefined {
  const { columns, row } = flow;
  if (columns.protocol[row] !== tcp) return undefined;
  const ssh = columns.application[row] === Application.ssh;
  const port = columns.destinationPort[row];
  if (!ssh && portTable(flow.policy.bruteForce.ports)[port] === 0) return undefined;
  const kind = columns.recordKind[row];
  if (kind !== RecordKind.only && kind !== RecordKind.last) return undefined;
  if (columns.reversePackets[row] === 0 && kind === RecordKind.only) return undefined;
  const sourcePort = columns.sourcePort[row];
  const attempt = isShort(flow, ssh || port === 22 ? sshSizes : sizesOf(port));
  if (!attempt && (sourcePort >>> 1) % otherSampling !== 3) return undefined;
  const mark = attempt ? (kind === RecordKind.only ? isAttempt : isLateAttempt) : isOther;
  const ports = portKey(port, ssh ? isSsh : 0) + String.fromCharCode(sourcePort >>> 8, sourcePort & 0xff);
  const destination = flow.destination();
  const member = mark + ports + String.fromCharCode(destination.length) + destination + flow.source();
  const bytes = Math.min(0xffff_ffff, columns.forwardBytes[row] + columns.reverseBytes[row]);
  const hundredths = Math.min(hundredthsMax, Math.floor((flow.endMs - flow.timeMs) / hundredthMs));
  return { member, value: bytes * (hundredthsMax + 1) + Math.max(0, hundredths) };
}

function sizesOf(port: number): Sizes {
  return encryptedPorts.has(port) ? encryptedSizes : plainSizes;
}

/** Both sides said something, little, and ended it within a minute. A check that only connects says nothing. */
function isShort({ columns, row, timeMs, endMs }: FlowRow, { forwardMax, reverseMax }: Sizes): boolean {
  if (columns.endReason[row] !== FlowEndReason.endDetected || endMs - timeMs > durationMaxMs) return false;
  if ((columns.forwardTcpFlags[row] & pushFlag) === 0) return false;
  return columns.forwardBytes[row] <= forwardMax && columns.reverseBytes[row] <= reverseMax;
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

export function loginConnection(fact: FactMember): LoginConnection {
  const { member, value } = fact;
  const destinationEnd = 7 + member.charCodeAt(6);
  return {
    isAttempt: member[0] !== isOther,
    isLate: member[0] === isLateAttempt,
    port: (member.charCodeAt(1) << 8) | member.charCodeAt(2),
    ssh: member.charCodeAt(3) === isSsh,
    destination: member.slice(7, destinationEnd),
    source: member.slice(destinationEnd),
    bytes: Math.floor(value / (hundredthsMax + 1)),
    durationMs: (value % (hundredthsMax + 1)) * hundredthMs,
    fact,
  };
}
