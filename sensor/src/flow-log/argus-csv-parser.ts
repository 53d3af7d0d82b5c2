import { FlowEndReason, Outcome } from "@picket/proto/batch/flow-columns.js";
import { IpProtocol } from "../decode/ip-protocol.js";
import {
  countOf,
  type FlowLogParser,
  type FlowLogRecord,
  type ParsedLine,
  protocolNumber,
  setAddresses,
  setTimes,
} from "./flow-log-record.js";
import { zeekOutcome } from "./zeek-state.js";

/** First columns of an Argus flow file as CSV (.binetflow). */
export const argusHeaderStart = "StartTime,";
const columnsRequired = ["StartTime", "Dur", "Proto", "SrcAddr", "Sport", "DstAddr", "Dport", "State"];

/** Reads Argus flows as CSV; the first line names the columns. */
export class ArgusCsvParser implements FlowLogParser {
  private columns = new Map<string, number>();
  private values: readonly string[] = [];

  parse(line: string, record: FlowLogRecord): ParsedLine {
    if (line.startsWith(argusHeaderStart)) {
      this.columns = new Map(line.split(",").map((name, column) => [name.trim(), column]));
      return "comment";
    }
    if (line.length === 0) return "comment";
    this.values = line.split(",");
    if (!columnsRequired.every((name) => this.field(name) !== undefined)) return "corrupt";
    return this.readFields(record);
  }

  private readFields(record: FlowLogRecord): ParsedLine {
    if (!setTimes(record, argusSeconds(this.text("StartTime")), Number(this.text("Dur")))) return "corrupt";
    // An arrow to the left says that the second address began.
    const isTurned = this.text("Dir").startsWith("<") && !this.text("Dir").includes(">");
    const [source, destination] = isTurned ? ["DstAddr", "SrcAddr"] : ["SrcAddr", "DstAddr"];
    if (!setAddresses(record, this.text(source), this.text(destination))) return "corrupt";
    record.protocol = protocolNumber(this.text("Proto").toLowerCase(), record);
    this.setPorts(record, isTurned);
    this.setCounts(record, isTurned);
    const state = this.text("State");
    record.outcome = zeekOutcome(state) ?? argusOutcome(state, record);
    record.endReason = FlowEndReason.idleTimeout;
    record.forwardTcpFlags = 0;
    record.reverseTcpFlags = 0;
    return "record";
  }

  private setPorts(record: FlowLogRecord, isTurned: boolean): void {
    const first = Number(this.text("Sport")) & 0xffff;
    const second = Number(this.text("Dport")) & 0xffff;
    if (record.protocol === IpProtocol.icmp || record.protocol === IpProtocol.icmpv6) {
      record.sourcePort = 0;
      record.destinationPort = (first & 0xff) << 8;
      return;
    }
    record.sourcePort = isTurned ? second : first;
    record.destinationPort = isTurned ? first : second;
  }

  private setCounts(record: FlowLogRecord, isTurned: boolean): void {
    const packets = countOf(this.field("SrcPkts") ?? this.field("TotPkts"));
    const bytes = countOf(this.field("SrcBytes") ?? this.field("TotBytes"));
    const otherPackets = Math.max(0, countOf(this.field("TotPkts")) - packets);
    const otherBytes = Math.max(0, countOf(this.field("TotBytes")) - bytes);
    record.forwardPackets = isTurned ? otherPackets : packets;
    record.reversePackets = isTurned ? packets : otherPackets;
    record.forwardBytes = isTurned ? otherBytes : bytes;
    record.reverseBytes = isTurned ? bytes : otherBytes;
  }

  private text(name: string): string {
    return this.field(name) ?? "";
  }

  private field(name: string): string | undefined {
    const column = this.columns.get(name);
    return column === undefined ? undefined : this.values[column]?.trim();
  }
}

/** Argus writes local dates without a zone; they are taken as UTC. */
function argusSeconds(text: string): number {
  const match = /^(\d{4})\/(\d\d)\/(\d\d) (\d\d:\d\d:\d\d)(\.\d+)?$/.exec(text);
  if (match === null) return Number.NaN;
  const [, year, month, day, time, fraction] = match;
  return Date.parse(`${year}-${month}-${day}T${time}Z`) / 1000 + Number(fraction ?? 0);
}

/** TCP states are the flags of both sides, `S_RA`; the others are words. */
function argusOutcome(state: string, record: FlowLogRecord): Outcome {
  const flags = /^([A-Z]*)_([A-Z]*)$/.exec(state);
  if (flags !== null) return tcpOutcome(flags[1], flags[2]);
  if (state === "CON") return Outcome.answered;
  if (state === "REQ") return Outcome.ignored;
  if (state.startsWith("UR")) return Outcome.unreachable;
  if (state === "INT" || state === "ECO")
    return record.reversePackets > 0 ? Outcome.answered : Outcome.ignored;
  return Outcome.unknown;
}

function tcpOutcome(source: string, destination: string): Outcome {
  if (!source.includes("S")) return Outcome.unknown;
  if (destination === "") return Outcome.ignored;
  if (!destination.includes("S")) return destination.includes("R") ? Outcome.refused : Outcome.unknown;
  return source.includes("A") ? Outcome.answered : Outcome.halfOpen;
}
