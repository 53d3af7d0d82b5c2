import { fingerprintBytes, type FlowColumns } from "../flow-columns.js";

/** Columns of numbers with a value for every flow record. */
export const flowFields = [
  "sourcePort",
  "destinationPort",
  "protocol",
  "outcome",
  "endReason",
  "recordKind",
  "stealthKind",
  "oneSided",
  "upgrade",
  "closedPort",
  "direction",
  "application",
  "forwardTcpFlags",
  "reverseTcpFlags",
  "startUs",
  "endUs",
  "forwardPackets",
  "reversePackets",
  "forwardBytes",
  "reverseBytes",
] as const;

/** Columns of numbers with a value for every ARP record. */
export const arpFields = [
  "operation",
  "answered",
  "unsolicited",
  "mismatched",
  "startUs",
  "endUs",
  "packets",
] as const;

/** What a batch says, without the order of its tables: a list of plain values for every record. */
export interface BatchContent {
  readonly sequence: number;
  /** Source, destination, fingerprint, name (empty: none), then `flowFields`. */
  readonly flows: (string | number)[][];
  /** Sender, target, sender MAC, target MAC, then `arpFields`. */
  readonly arp: (string | number)[][];
}

/** What is in the columns. */
export function contentOf(columns: FlowColumns): BatchContent {
  const { arp } = columns;
  const rows = (length: number): number[] => Array.from({ length }, (_, row) => row);
  return {
    sequence: columns.sequence,
    flows: rows(columns.length).map((row) => [
      addressText(columns, columns.sourceIndex[row]),
      addressText(columns, columns.destinationIndex[row]),
      fingerprintText(columns, columns.fingerprint[row]),
      nameText(columns, columns.name[row]),
      ...flowFields.map((name) => columns[name][row]),
    ]),
    arp: rows(arp.length).map((row) => [
      addressText(columns, arp.senderIndex[row]),
      addressText(columns, arp.targetIndex[row]),
      macText(columns, arp.senderMacIndex[row]),
      macText(columns, arp.targetMacIndex[row]),
      ...arpFields.map((name) => arp[name][row]),
    ]),
  };
}

function addressText(columns: FlowColumns, index: number): string {
  return columns.addressWords.subarray(index * 4, index * 4 + 4).join(".");
}

function fingerprintText(columns: FlowColumns, note: number): string {
  if (note === 0) return "";
  const end = note * fingerprintBytes;
  return Buffer.from(columns.fingerprints.subarray(end - fingerprintBytes, end)).toString("hex");
}

function nameText(columns: FlowColumns, note: number): string {
  if (note === 0) return "";
  const start = note === 1 ? 0 : columns.nameEnds[note - 2];
  return Buffer.from(columns.nameBytes.subarray(start, columns.nameEnds[note - 1])).toString("latin1");
}

function macText(columns: FlowColumns, index: number): string {
  return Buffer.from(columns.arp.macs.subarray(index * 6, index * 6 + 6)).toString("hex");
}
