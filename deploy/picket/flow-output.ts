import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { flowEndReasonNames, outcomeNames } from "@picket/proto/batch/flow-columns.js";
import { addressKeyOfWords, formatAddressKey } from "@picket/correlator/windows/address-key.js";

const protocolNames: Readonly<Record<number, string>> = {
  1: "icmp",
  6: "tcp",
  17: "udp",
  58: "icmp6",
  132: "sctp",
};
const recordKindNames = ["first", "delta", "last", "only"] as const;
const widths = [12, 24, 10, 8, 40, 40, 11, 13, 8, 8, 10, 10] as const;

/** A flow record for machines; times are RFC 3339 with microseconds. */
export function flowObject(
  sensor: string,
  columns: FlowColumns,
  row: number,
): Record<string, string | number | boolean> {
  return {
    sensor,
    start: timeText(columns.startUs[row]),
    end: timeText(columns.endUs[row]),
    protocol: protocolText(columns.protocol[row]),
    source: addressText(columns, columns.sourceIndex[row]),
    sourcePort: columns.sourcePort[row],
    destination: addressText(columns, columns.destinationIndex[row]),
    destinationPort: columns.destinationPort[row],
    outcome: outcomeNames[columns.outcome[row]],
    endReason: flowEndReasonNames[columns.endReason[row]],
    record: recordKindNames[columns.recordKind[row]],
    oneSided: columns.oneSided[row] === 1,
    forwardTcpFlags: columns.forwardTcpFlags[row],
    reverseTcpFlags: columns.reverseTcpFlags[row],
    forwardPackets: columns.forwardPackets[row],
    reversePackets: columns.reversePackets[row],
    forwardBytes: columns.forwardBytes[row],
    reverseBytes: columns.reverseBytes[row],
  };
}

/** Heading of the flow table. */
export function flowHeading(): string {
  return line([
    "sensor",
    "start",
    "seconds",
    "protocol",
    "source",
    "destination",
    "outcome",
    "end",
    "packets",
    "reverse",
    "bytes",
    "reverse",
  ]);
}

/** One line of the flow table. */
export function flowRow(sensor: string, columns: FlowColumns, row: number): string {
  return line([
    sensor,
    new Date(columns.startUs[row] / 1000).toISOString(),
    ((columns.endUs[row] - columns.startUs[row]) / 1e6).toFixed(3),
    protocolText(columns.protocol[row]),
    endpoint(addressText(columns, columns.sourceIndex[row]), columns.sourcePort[row]),
    endpoint(addressText(columns, columns.destinationIndex[row]), columns.destinationPort[row]),
    outcomeNames[columns.outcome[row]],
    flowEndReasonNames[columns.endReason[row]],
    String(columns.forwardPackets[row]),
    String(columns.reversePackets[row]),
    String(columns.forwardBytes[row]),
    String(columns.reverseBytes[row]),
  ]);
}

function line(cells: readonly string[]): string {
  const padded = cells.map((cell, i) => (i < 8 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])));
  return `${padded.join(" ")}\n`;
}

function endpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function addressText(columns: FlowColumns, index: number): string {
  return formatAddressKey(addressKeyOfWords(columns.addressWords, index * 4));
}

function protocolText(protocol: number): string {
  return protocolNames[protocol] ?? String(protocol);
}

function timeText(us: number): string {
  const seconds = new Date(Math.floor(us / 1e6) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(Math.floor(us % 1e6)).padStart(6, "0")}Z`;
}
