import { describe, expect, it } from "vitest";
import { AddressIndex } from "./address-index.js";
import { FlowBatchBuilder } from "./flow-batch-builder.js";
import { decodeFlowBatch, encodeFlowBatch } from "./flow-batch-codec.js";
import {
  batchAddressesMax,
  batchArpRecordsMax,
  batchBytesMax,
  batchFingerprintsMax,
  batchNamesMax,
  batchRecordsMax,
  FlowColumns,
} from "./flow-columns.js";
import { varintBytes, zigzag } from "./varint.js";

const scratch = new Uint8Array(batchBytesMax);

function fillRow(columns: FlowColumns, row: number, startUs: number, counter: number): void {
  columns.startUs[row] = startUs;
  columns.endUs[row] = startUs;
  for (const name of ["forwardPackets", "reversePackets", "forwardBytes", "reverseBytes"] as const)
    columns[name][row] = counter;
}

describe("FlowBatchBuilder", () => {
  it("stops before a batch of the largest records is larger than a message", () => {
    const builder = new FlowBatchBuilder();
    const { columns } = builder;
    columns.sequence = Number.MAX_SAFE_INTEGER;
    for (let host = 1; ; host += 2) {
      const row = builder.append(host, 0, 0, 1, host + 1, 0, 0, 2);
      if (row === -1) break;
      const startUs = row % 2 === 0 ? 1 : Number.MAX_SAFE_INTEGER;
      fillRow(columns, row, startUs, Number.MAX_SAFE_INTEGER);
      columns.protocol[row] = row;
      columns.forwardTcpFlags[row] = row >>> 8;
    }
    const bytes = encodeFlowBatch(columns, scratch);
    expect(bytes.length).toBeLessThanOrEqual(batchBytesMax);
    expect(bytes.length).toBeGreaterThan(batchBytesMax * 0.95);
    expect(decodeFlowBatch(bytes, new FlowColumns())).toBeUndefined();
  });

  it("takes as many small records as a batch may hold", () => {
    const builder = new FlowBatchBuilder();
    let row = builder.append(0, 0, 0xffff, 1, 0, 0, 0xffff, 2);
    for (; row !== -1; row = builder.append(0, 0, 0xffff, row, 0, 0, 0xffff, 2))
      fillRow(builder.columns, row, 5, 1);
    expect(builder.length).toBe(batchRecordsMax);
  });

  it("names an address once", () => {
    const builder = new FlowBatchBuilder(10, { seed: 7 });
    builder.append(0, 0, 0xffff, -1, 0, 0, 0xffff, 2);
    builder.append(0, 0, 0xffff, 2, 0, 0, 0xffff, 0xffff_ffff);
    const { addressCount, sourceIndex, destinationIndex } = builder.columns;
    expect(addressCount).toBe(2);
    expect([sourceIndex[0], destinationIndex[0], sourceIndex[1], destinationIndex[1]]).toEqual([0, 1, 1, 0]);
  });

  it("starts over after reset", () => {
    const builder = new FlowBatchBuilder(1);
    expect(builder.append(1, 1, 1, 1, 2, 2, 2, 2)).toBe(0);
    expect(builder.append(1, 1, 1, 1, 2, 2, 2, 2)).toBe(-1);
    builder.reset();
    expect(builder.append(3, 3, 3, 3, 2, 2, 2, 2)).toBe(0);
    expect(builder.columns.addressCount).toBe(2);
  });
});

describe("notes of a FlowBatchBuilder", () => {
  const fingerprint = (at: number): Uint8Array => Uint8Array.of(64, 0, at >>> 8, at, 0, 0, 0, 0, 0, 0, 0, 0);
  const name = (at: number, length: number): Buffer => Buffer.from(String(at).padEnd(length, "x"), "latin1");

  it("keeps equal names and fingerprints once", () => {
    const builder = new FlowBatchBuilder();
    const { columns } = builder;
    for (const host of [1, 2, 1]) {
      const row = builder.append(0, 0, 0xffff, host, 0, 0, 0xffff, 9);
      fillRow(columns, row, 5, 1);
      expect(builder.setName(row, name(host, 11), 0, 11)).toBe(true);
      expect(builder.setFingerprint(row, fingerprint(host), 0)).toBe(true);
    }
    expect([...columns.name.subarray(0, 3)]).toEqual([1, 2, 1]);
    expect([...columns.fingerprint.subarray(0, 3)]).toEqual([1, 2, 1]);
    expect([columns.nameCount, columns.fingerprintCount]).toEqual([2, 2]);
  });

  it("leaves out what the tables have no room for, and knows what it has", () => {
    const builder = new FlowBatchBuilder();
    const { columns } = builder;
    for (let host = 0; host < 600; host++) {
      const row = builder.append(0, 0, 0xffff, 1, 0, 0, 0xffff, 2);
      fillRow(columns, row, 5, 1);
      expect(builder.setName(row, name(host, 3), 0, 3)).toBe(host < batchNamesMax);
      expect(builder.setFingerprint(row, fingerprint(host), 0)).toBe(host < batchFingerprintsMax);
    }
    const row = builder.append(0, 0, 0xffff, 1, 0, 0, 0xffff, 2);
    fillRow(columns, row, 5, 1);
    expect(builder.setName(row, name(7, 3), 0, 3)).toBe(true);
    expect(columns.name[row]).toBe(8);
    expect(columns.fingerprint[599]).toBe(0);
    expect(decodeAgain(columns)).toBeUndefined();
  });

  it.each(["", "UPPER", "two words", "\u001b[0m", "x".repeat(254)])("takes %j for no name", (text) => {
    const builder = new FlowBatchBuilder();
    const row = builder.append(0, 0, 0xffff, 1, 0, 0, 0xffff, 2);
    expect(builder.setName(row, Buffer.from(text, "latin1"), 0, text.length)).toBe(false);
    expect(builder.columns.nameCount).toBe(0);
  });

  it("starts rows and batches without notes", () => {
    const builder = new FlowBatchBuilder(4);
    for (const round of [0, 1]) {
      const row = builder.append(0, 0, 0xffff, 1, 0, 0, 0xffff, 2);
      expect([row, builder.columns.name[row], builder.columns.fingerprint[row], round]).toEqual([
        0,
        0,
        0,
        round,
      ]);
      builder.setName(row, name(1, 5), 0, 5);
      builder.setFingerprint(row, fingerprint(1), 0);
      builder.appendArp(1, 2, 3, 4, 0, 0);
      builder.reset();
      expect(builder.columns.nameCount + builder.columns.arp.length + builder.columns.arp.macCount).toBe(0);
    }
  });

  it("stops before a batch of the largest records of both kinds with notes is larger than a message", () => {
    const builder = new FlowBatchBuilder();
    const { columns } = builder;
    const { arp } = columns;
    columns.sequence = Number.MAX_SAFE_INTEGER;
    for (let at = 0; ; at++) {
      const timeUs = at % 2 === 0 ? 1 : Number.MAX_SAFE_INTEGER;
      const row = builder.append(at, 1, 1, 1, at, 2, 2, 2);
      if (row === -1) break;
      fillRow(columns, row, timeUs, Number.MAX_SAFE_INTEGER);
      columns.protocol[row] = at;
      columns.forwardTcpFlags[row] = at >>> 8;
      builder.setFingerprint(row, fingerprint(at), 0);
      builder.setName(row, name(at, 253), 0, 253);
      const arpRow = builder.appendArp(at * 2, at * 2 + 1, 1, at * 2, 1, at * 2 + 1);
      if (arpRow === -1) continue;
      arp.startUs[arpRow] = timeUs;
      arp.endUs[arpRow] = timeUs;
      arp.packets[arpRow] = Number.MAX_SAFE_INTEGER;
    }
    const bytes = encodeFlowBatch(columns, scratch);
    expect(bytes.length).toBeLessThanOrEqual(batchBytesMax);
    expect(bytes.length).toBeGreaterThan(batchBytesMax * 0.95);
    expect(decodeAgain(columns)).toBeUndefined();
  });

  it("has no room for more ARP records than a batch may hold", () => {
    const builder = new FlowBatchBuilder();
    let row = 0;
    for (let host = 0; row !== -1; host++) {
      row = builder.appendArp(1, host, 2, host % 8, 0, 0);
      if (row === -1) break;
      builder.columns.arp.startUs[row] = 5;
      builder.columns.arp.endUs[row] = 6;
    }
    expect(builder.columns.arp.length).toBe(batchArpRecordsMax);
    expect(decodeAgain(builder.columns)).toBeUndefined();
  });
});

/** Why a decoder refuses the batch; undefined when it does not. */
function decodeAgain(columns: FlowColumns): string | undefined {
  columns.sequence ||= 1;
  return decodeFlowBatch(encodeFlowBatch(columns, scratch), new FlowColumns());
}

describe("AddressIndex", () => {
  it("keeps a full table of neighbouring addresses apart, under any seed", () => {
    for (const seed of [0, 1, 2 ** 32 + 5]) {
      const words = new Uint32Array(batchAddressesMax * 4);
      const index = new AddressIndex(words, seed);
      for (let host = 0; host < batchAddressesMax; host++) index.findOrAdd(0, 0, 0xffff, host, host);
      for (let host = 0; host < batchAddressesMax; host++)
        expect(index.findOrAdd(0, 0, 0xffff, host, batchAddressesMax)).toBe(host);
    }
  });
});

describe("varint", () => {
  it.each([1, 2, 3, 4, 5, 6, 7])("grows past %i bytes of seven bits", (bytes) => {
    expect(varintBytes(2 ** (7 * bytes) - 1)).toBe(bytes);
    expect(varintBytes(2 ** (7 * bytes))).toBe(bytes + 1);
  });

  it("folds signs into the lowest bit", () => {
    expect([0, -1, 1, -2, 2].map(zigzag)).toEqual([0, 1, 2, 3, 4]);
  });
});
