import { FlowEndReason, Outcome } from "@picket/proto/batch/flow-columns.js";

/**
 * Outcome of each Zeek `conn_state`. Without a SYN, or with the responder's
 * half alone, nothing is known about the first contact.
 */
const outcomes = new Map<string, Outcome>([
  ["S0", Outcome.ignored],
  ["REJ", Outcome.refused],
  ["RSTOS0", Outcome.halfOpen],
  ["SH", Outcome.halfOpen],
  ["SF", Outcome.answered],
  ["S1", Outcome.answered],
  ["S2", Outcome.answered],
  ["S3", Outcome.answered],
  ["RSTO", Outcome.answered],
  ["RSTR", Outcome.answered],
  ["OTH", Outcome.unknown],
  ["SHR", Outcome.unknown],
  ["RSTRH", Outcome.unknown],
]);

/**
 * Outcome of a Zeek connection state; undefined when it is no such state. A
 * TCP `history` (empty when unknown) without the originator's SYN is traffic
 * seen from its middle, whatever the state: its failure says nothing.
 */
export function zeekOutcome(state: string, history = ""): Outcome | undefined {
  const outcome = outcomes.get(state);
  const isMidStream = history !== "" && !history.includes("S");
  return isMidStream && outcome !== undefined && outcome < Outcome.answered ? Outcome.unknown : outcome;
}

/** A reset or both FINs end a TCP connection; every other state is left by a timeout. */
export function zeekEndReason(state: string): FlowEndReason {
  const isEnd = state === "SF" || state === "REJ" || state.startsWith("RST");
  return isEnd ? FlowEndReason.endDetected : FlowEndReason.idleTimeout;
}

const flagsOfLetter = new Map<string, number>([
  ["S", 0x02],
  ["H", 0x12],
  ["A", 0x10],
  ["D", 0x18],
  ["F", 0x01],
  ["R", 0x04],
]);

/**
 * TCP flags that a Zeek `history` tells of the originator (upper case) or the
 * responder (lower case). A `^` says that Zeek turned the connection round
 * because it saw the responder first: addresses and letters are already as
 * they should be.
 */
export function historyTcpFlags(history: string, isOriginator: boolean): number {
  let flags = 0;
  for (const letter of history) {
    const upper = letter.toUpperCase();
    if ((letter === upper) === isOriginator) flags |= flagsOfLetter.get(upper) ?? 0;
  }
  return flags;
}

/** ICMP types that have an answering type, which Zeek writes in place of the code. */
const pairedTypes = new Set([0, 8, 9, 10, 13, 14, 15, 16, 17, 18]);
const pairedTypesIpv6 = new Set([128, 129, 133, 134, 135, 136, 139, 140, 144, 145]);

/** ICMP type and code as the destination port, from Zeek's originator and responder port. */
export function zeekIcmpPort(originatorPort: number, responderPort: number, isIpv6: boolean): number {
  const paired = isIpv6 ? pairedTypesIpv6 : pairedTypes;
  const code = paired.has(originatorPort) ? 0 : responderPort & 0xff;
  return ((originatorPort & 0xff) << 8) | code;
}
