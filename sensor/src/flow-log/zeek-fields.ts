import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { IpProtocol } from "../decode/ip-protocol.js";
import {
  countOf,
  type FlowLogRecord,
  type ParsedLine,
  protocolNumber,
  setAddresses,
  setTimes,
} from "./flow-log-record.js";
import { historyTcpFlags, zeekEndReason, zeekIcmpPort, zeekOutcome } from "./zeek-state.js";

/** The value of a field by Zeek's name; undefined when it is missing or unset. */
export type ZeekField = (name: string) => string | number | undefined;

/** Fields without which a log is no conn.log. */
export const zeekFieldsRequired = [
  "ts",
  "id.orig_h",
  "id.orig_p",
  "id.resp_h",
  "id.resp_p",
  "proto",
] as const;

/** Fills a record from the fields of one Zeek connection. */
export function readZeekFields(field: ZeekField, record: FlowLogRecord): ParsedLine {
  const start = field("ts");
  if (!setTimes(record, secondsOf(start), Number(field("duration") ?? 0))) return "corrupt";
  if (!setAddresses(record, String(field("id.orig_h")), String(field("id.resp_h")))) return "corrupt";
  if (!setProtocolAndPorts(field, record)) return "corrupt";
  const state = String(field("conn_state") ?? "OTH");
  const history = record.protocol === IpProtocol.tcp ? String(field("history") ?? "") : "";
  record.outcome = zeekOutcome(state, history) ?? Outcome.unknown;
  record.endReason = zeekEndReason(state);
  record.forwardTcpFlags = historyTcpFlags(history, true);
  record.reverseTcpFlags = historyTcpFlags(history, false);
  record.forwardPackets = countOf(field("orig_pkts"));
  record.reversePackets = countOf(field("resp_pkts"));
  record.forwardBytes = countOf(field("orig_ip_bytes") ?? field("orig_bytes"));
  record.reverseBytes = countOf(field("resp_ip_bytes") ?? field("resp_bytes"));
  return "record";
}

/** Epoch seconds, or a date when Zeek was told to write ISO 8601. */
function secondsOf(time: string | number | undefined): number {
  if (time === undefined) return Number.NaN;
  const seconds = Number(time);
  return Number.isNaN(seconds) ? Date.parse(String(time)) / 1000 : seconds;
}

function setProtocolAndPorts(field: ZeekField, record: FlowLogRecord): boolean {
  const originatorPort = portOf(field("id.orig_p"));
  const responderPort = portOf(field("id.resp_p"));
  if (originatorPort === undefined || responderPort === undefined) return false;
  const protocol = protocolNumber(String(field("proto")), record) || countOf(field("ip_proto")) & 0xff;
  const isIcmp = protocol === IpProtocol.icmp || protocol === IpProtocol.icmpv6;
  const isIpv6 = protocol === IpProtocol.icmpv6;
  record.protocol = protocol;
  record.sourcePort = isIcmp ? 0 : originatorPort;
  record.destinationPort = isIcmp ? zeekIcmpPort(originatorPort, responderPort, isIpv6) : responderPort;
  return true;
}

function portOf(value: string | number | undefined): number | undefined {
  const port = value === undefined || value === "" ? Number.NaN : Number(value);
  return Number.isInteger(port) && port >= 0 && port <= 65_535 ? port : undefined;
}
