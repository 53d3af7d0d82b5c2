import { describe, expect, it } from "vitest";
import { batchRecordsMax, FlowColumns } from "./flow-columns.js";
import { TraitTable } from "./trait-table.js";

function columnsOf(length: number, protocolOf: (row: number) => number): FlowColumns {
  const columns = new FlowColumns();
  columns.length = length;
  for (let row = 0; row < length; row++) {
    columns.protocol[row] = protocolOf(row);
    columns.reverseTcpFlags[row] = protocolOf(row) >>> 8;
  }
  return columns;
}

describe("TraitTable", () => {
  it("shares an entry between equal records, in the order of their first", () => {
    const table = new TraitTable();
    table.gather(columnsOf(6, (row) => [17, 6, 17, 1, 6, 17][row]));
    expect([...table.ofRecord.subarray(0, 6)]).toEqual([0, 1, 0, 2, 1, 0]);
    expect(table.count).toBe(3);
  });

  it("forgets the batch before", () => {
    const table = new TraitTable();
    table.gather(columnsOf(batchRecordsMax, (row) => row));
    expect(table.count).toBe(batchRecordsMax);
    table.gather(columnsOf(2, () => 2000));
    expect([table.count, table.ofRecord[0], table.ofRecord[1]]).toEqual([1, 0, 0]);
  });

  it("tells entries apart by every one of their 48 bits", () => {
    const columns = new FlowColumns();
    const bits = [
      ["protocol", 8],
      ["outcome", 3],
      ["endReason", 3],
      ["recordKind", 2],
      ["oneSided", 1],
      ["stealthKind", 3],
      ["upgrade", 1],
      ["closedPort", 1],
      ["direction", 2],
      ["application", 8],
      ["forwardTcpFlags", 8],
      ["reverseTcpFlags", 8],
    ] as const;
    let row = 0;
    for (const [name, count] of bits) for (let bit = 0; bit < count; bit++) columns[name][row++] = 1 << bit;
    columns.length = row;
    const table = new TraitTable();
    table.gather(columns);
    const bytes = new Uint8Array(48 * 6);
    expect([table.count, table.write(bytes, 0)]).toEqual([48, 48 * 6]);
    expect(bytes.reduce((sum, byte) => sum + byte, 0)).toBe(6 * 255);
  });
});
