import type { ArpRecords, FlowBatch } from "../../generated/picket/v1/flow.js";
import { fingerprintBytes, isIpv4Words, type FlowColumns } from "../flow-columns.js";
import type { BatchContent } from "./batch-content.js";

/** The batch as the generated code's message: IPv4 addresses first, equal traits shared. */
export function generatedOf(columns: FlowColumns): FlowBatch {
  const c = columns;
  const rows = numbersTo(c.length);
  const order = addressOrder(c);
  const baseTimeUs = BigInt(c.length > 0 ? c.startUs[0] : c.arp.length > 0 ? c.arp.startUs[0] : 0);
  const traits = [...new Set(rows.map((row) => traitText(c, row)))];
  const bigints = (values: Float64Array): bigint[] => rows.map((row) => BigInt(values[row]));
  const withFingerprint = rows.filter((row) => c.fingerprint[row] !== 0);
  const withName = rows.filter((row) => c.name[row] !== 0);
  const names = numbersTo(c.nameCount);
  return {
    epoch: Buffer.from(c.epoch),
    sequence: BigInt(c.sequence),
    baseTimeUs,
    addresses: Buffer.concat(order.map((index) => addressBytes(c, index))),
    ipv4Count: order.filter((index) => isIpv4Words(c.addressWords, index * 4)).length,
    source: rows.map((row) => order.indexOf(c.sourceIndex[row])),
    destination: rows.map((row) => order.indexOf(c.destinationIndex[row])),
    ports: Buffer.concat(
      rows.map((row) => Buffer.from(Uint16Array.of(c.sourcePort[row], c.destinationPort[row]).buffer)),
    ),
    startDeltaUs: deltas(c.startUs, c.length, baseTimeUs),
    durationUs: rows.map((row) => BigInt(c.endUs[row] - c.startUs[row])),
    forwardPackets: bigints(c.forwardPackets),
    reversePackets: bigints(c.reversePackets),
    forwardBytes: bigints(c.forwardBytes),
    reverseBytes: bigints(c.reverseBytes),
    traits: Buffer.from(traits.join(""), "hex"),
    trait: rows.map((row) => traits.indexOf(traitText(c, row))),
    fingerprints: Buffer.from(c.fingerprints.slice(0, c.fingerprintCount * fingerprintBytes)),
    fingerprintRecordDelta: distances(withFingerprint),
    fingerprint: withFingerprint.map((row) => c.fingerprint[row] - 1),
    names: Buffer.from(c.nameBytes.slice(0, c.nameCount === 0 ? 0 : c.nameEnds[c.nameCount - 1])),
    nameLength: names.map((at) => c.nameEnds[at] - (at === 0 ? 0 : c.nameEnds[at - 1])),
    nameRecordDelta: distances(withName),
    name: withName.map((row) => c.name[row] - 1),
    arp: c.arp.length === 0 ? undefined : generatedArpOf(c, order, baseTimeUs),
  };
}

/** What a message that the generated code read says. */
export function contentOfGenerated(batch: FlowBatch): BatchContent {
  const fingerprints = notesOf(batch.fingerprintRecordDelta, batch.fingerprint);
  const names = notesOf(batch.nameRecordDelta, batch.name);
  const fingerprintText = (at: number): string =>
    batch.fingerprints.subarray(at * fingerprintBytes, (at + 1) * fingerprintBytes).toString("hex");
  const nameText = (at: number): string => {
    const start = batch.nameLength.slice(0, at).reduce((sum, length) => sum + length, 0);
    return batch.names.subarray(start, start + batch.nameLength[at]).toString("latin1");
  };
  let startUs = batch.baseTimeUs;
  const flows = batch.source.map((source, row) => {
    startUs += batch.startDeltaUs[row];
    const [protocol, state, marks, application, forwardFlags, reverseFlags] = batch.traits.subarray(
      batch.trait[row] * 6,
    );
    const fingerprint = fingerprints.get(row);
    const name = names.get(row);
    return [
      addressText(batch, source),
      addressText(batch, batch.destination[row]),
      fingerprint === undefined ? "" : fingerprintText(fingerprint),
      name === undefined ? "" : nameText(name),
      batch.ports.readUInt16LE(row * 4),
      batch.ports.readUInt16LE(row * 4 + 2),
      protocol,
      state & 7,
      (state >> 3) & 7,
      state >> 6,
      (marks >> 1) & 7,
      marks & 1,
      (marks >> 4) & 1,
      (marks >> 5) & 1,
      marks >> 6,
      application,
      forwardFlags,
      reverseFlags,
      Number(startUs),
      Number(startUs + batch.durationUs[row]),
      Number(batch.forwardPackets[row]),
      Number(batch.reversePackets[row]),
      Number(batch.forwardBytes[row]),
      Number(batch.reverseBytes[row]),
    ];
  });
  return { sequence: Number(batch.sequence), flows, arp: arpContentOf(batch) };
}

function arpContentOf(batch: FlowBatch): (string | number)[][] {
  const { arp } = batch;
  if (arp === undefined) return [];
  const macText = (index: number): string => arp.macs.subarray(index * 6, index * 6 + 6).toString("hex");
  let startUs = batch.baseTimeUs;
  return arp.sender.map((sender, row) => {
    startUs += arp.startDeltaUs[row];
    const state = arp.state[row];
    return [
      addressText(batch, sender),
      addressText(batch, arp.target[row]),
      macText(arp.senderMac[row]),
      macText(arp.targetMac[row]),
      state & 3,
      (state >> 2) & 1,
      (state >> 3) & 1,
      (state >> 4) & 1,
      Number(startUs),
      Number(startUs + arp.durationUs[row]),
      Number(arp.packets[row]),
    ];
  });
}

function generatedArpOf(columns: FlowColumns, order: readonly number[], baseTimeUs: bigint): ArpRecords {
  const { arp } = columns;
  const rows = numbersTo(arp.length);
  return {
    macs: Buffer.from(arp.macs.slice(0, arp.macCount * 6)),
    sender: rows.map((row) => order.indexOf(arp.senderIndex[row])),
    target: rows.map((row) => order.indexOf(arp.targetIndex[row])),
    senderMac: rows.map((row) => arp.senderMacIndex[row]),
    targetMac: rows.map((row) => arp.targetMacIndex[row]),
    state: Buffer.from(
      rows.map(
        (row) =>
          arp.operation[row] |
          (arp.answered[row] << 2) |
          (arp.unsolicited[row] << 3) |
          (arp.mismatched[row] << 4),
      ),
    ),
    startDeltaUs: deltas(arp.startUs, arp.length, baseTimeUs),
    durationUs: rows.map((row) => BigInt(arp.endUs[row] - arp.startUs[row])),
    packets: rows.map((row) => BigInt(arp.packets[row])),
  };
}

function numbersTo(length: number): number[] {
  return Array.from({ length }, (_, at) => at);
}

function addressOrder(columns: FlowColumns): number[] {
  const indices = numbersTo(columns.addressCount);
  const isIpv4 = (index: number): boolean => isIpv4Words(columns.addressWords, index * 4);
  return [...indices.filter(isIpv4), ...indices.filter((index) => !isIpv4(index))];
}

function addressBytes(columns: FlowColumns, index: number): Buffer {
  const bytes = Buffer.alloc(16);
  for (let part = 0; part < 4; part++) bytes.writeUInt32BE(columns.addressWords[index * 4 + part], part * 4);
  return isIpv4Words(columns.addressWords, index * 4) ? bytes.subarray(12) : bytes;
}

function addressText(batch: FlowBatch, index: number): string {
  const ipv6At = batch.ipv4Count * 4 + (index - batch.ipv4Count) * 16;
  if (index >= batch.ipv4Count)
    return [0, 4, 8, 12].map((part) => batch.addresses.readUInt32BE(ipv6At + part)).join(".");
  return [0, 0, 0xffff, batch.addresses.readUInt32BE(index * 4)].join(".");
}

/** The traits of one record as hexadecimal digits. */
function traitText(c: FlowColumns, row: number): string {
  const state = c.outcome[row] | (c.endReason[row] << 3) | (c.recordKind[row] << 6);
  const marks =
    c.oneSided[row] |
    (c.stealthKind[row] << 1) |
    (c.upgrade[row] << 4) |
    (c.closedPort[row] << 5) |
    (c.direction[row] << 6);
  return Buffer.from([
    c.protocol[row],
    state,
    marks,
    c.application[row],
    c.forwardTcpFlags[row],
    c.reverseTcpFlags[row],
  ]).toString("hex");
}

function deltas(startUs: Float64Array, length: number, baseTimeUs: bigint): bigint[] {
  return numbersTo(length).map(
    (row) => BigInt(startUs[row]) - (row === 0 ? baseTimeUs : BigInt(startUs[row - 1])),
  );
}

function distances(rows: readonly number[]): number[] {
  return rows.map((row, at) => row - (at === 0 ? 0 : rows[at - 1]));
}

function notesOf(recordDeltas: readonly number[], notes: readonly number[]): Map<number, number> {
  let row = 0;
  return new Map(
    recordDeltas.map((delta, at) => {
      row += delta;
      return [row, notes[at]];
    }),
  );
}
