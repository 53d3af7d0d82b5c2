import { describe, expect, it } from "vitest";
import { AddressIndex } from "./address-index.js";
import { FlowBatchBuilder } from "./flow-batch-builder.js";
import { decodeFlowBatch, encodeFlowBatch } from "./flow-batch-codec.js";
import { batchAddressesMax, batchBytesMax, batchRecordsMax, FlowColumns } from "./flow-columns.js";
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
    expect(bytes.length).toBeGreaterThan(batchBytesMax * 0.9);
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
