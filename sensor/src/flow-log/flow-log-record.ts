import {
  FlowEndReason,
  isIpv4Words,
  Outcome,
  RecordKind,
  StealthKind,
} from "@picket/proto/batch/flow-columns.js";
import type { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { IpProtocol } from "../decode/ip-protocol.js";
import { parseAddressWords } from "./address-words.js";

/** One flow of a log, in the units of `FlowColumns`; one object, reused for every line. */
export class FlowLogRecord {
  readonly sourceWords = new Uint32Array(4);
  readonly destinationWords = new Uint32Array(4);
  sourcePort = 0;
  destinationPort = 0;
  protocol = 0;
  outcome: Outcome = Outcome.unknown;
  endReason: FlowEndReason = FlowEndReason.idleTimeout;
  forwardTcpFlags = 0;
  reverseTcpFlags = 0;
  startUs = 0;
  endUs = 0;
  forwardPackets = 0;
  reversePackets = 0;
  forwardBytes = 0;
  reverseBytes = 0;
}

/** What a line turned out to be. */
export type ParsedLine = "record" | "comment" | "corrupt";

/** Reads the lines of one log format. */
export interface FlowLogParser {
  /** Reads one line into `record`, which is filled only when the answer is `record`. */
  parse(line: string, record: FlowLogRecord): ParsedLine;
}

/** Sets both addresses; false when one of them is none. */
export function setAddresses(record: FlowLogRecord, source: string, destination: string): boolean {
  return (
    parseAddressWords(source, record.sourceWords) && parseAddressWords(destination, record.destinationWords)
  );
}

const protocolNumbers = new Map<string, number>([
  ["tcp", IpProtocol.tcp],
  ["udp", IpProtocol.udp],
  ["icmp", IpProtocol.icmp],
  ["icmp6", IpProtocol.icmpv6],
  ["ipv6-icmp", IpProtocol.icmpv6],
  ["sctp", IpProtocol.sctp],
  ["igmp", 2],
  ["gre", 47],
  ["esp", 50],
]);

/** IANA number of a protocol name, 0 when it is unknown; ICMP follows the address family. */
export function protocolNumber(name: string, record: FlowLogRecord): number {
  const number = protocolNumbers.get(name) ?? 0;
  if (number === IpProtocol.icmp && !isIpv4Words(record.sourceWords, 0)) return IpProtocol.icmpv6;
  return number;
}

/** Sets start and end; false for a start that is no time. */
export function setTimes(record: FlowLogRecord, startSeconds: number, durationSeconds: number): boolean {
  const startUs = Math.round(startSeconds * 1e6);
  if (!Number.isSafeInteger(startUs) || startUs < 0) return false;
  const durationUs = Math.round(durationSeconds * 1e6);
  record.startUs = startUs;
  record.endUs =
    Number.isSafeInteger(startUs + durationUs) && durationUs > 0 ? startUs + durationUs : startUs;
  return true;
}

/** A count of a log: whole, not negative, exact; 0 for anything else. */
export function countOf(value: unknown): number {
  const count = typeof value === "number" ? value : Number(value);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}

/** Appends the record as a flow that is over; false when the batch is full. */
export function appendRecord(record: FlowLogRecord, builder: FlowBatchBuilder): boolean {
  const { sourceWords: s, destinationWords: d } = record;
  const row = builder.append(s[0], s[1], s[2], s[3], d[0], d[1], d[2], d[3]);
  if (row < 0) return false;
  const { columns } = builder;
  columns.sourcePort[row] = record.sourcePort;
  columns.destinationPort[row] = record.destinationPort;
  columns.protocol[row] = record.protocol;
  columns.outcome[row] = record.outcome;
  columns.endReason[row] = record.endReason;
  columns.recordKind[row] = RecordKind.only;
  columns.stealthKind[row] = StealthKind.none;
  columns.oneSided[row] = record.reversePackets === 0 ? 1 : 0;
  columns.upgrade[row] = 0;
  columns.forwardTcpFlags[row] = record.forwardTcpFlags;
  columns.reverseTcpFlags[row] = record.reverseTcpFlags;
  columns.startUs[row] = record.startUs;
  columns.endUs[row] = record.endUs;
  columns.forwardPackets[row] = record.forwardPackets;
  columns.reversePackets[row] = record.reversePackets;
  columns.forwardBytes[row] = record.forwardBytes;
  columns.reverseBytes[row] = record.reverseBytes;
  return true;
}
