import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { encodeFlowBatch } from "@picket/proto/batch/encode-flow-batch.js";
import { type FlowColumns, batchBytesMax } from "@picket/proto/batch/flow-columns.js";
import { expect, test } from "vitest";
import { copiedDelivery } from "./copied-delivery.js";

test("a copy holds everything that the batch held, ARP and names too", () => {
  const builder = new FlowBatchBuilder(8);
  builder.append(0, 0, 0xffff, 0x0a000001, 0, 0, 0xffff, 0x0a000002);
  const { columns } = builder;
  columns.direction[0] = 2;
  columns.application[0] = 6;
  columns.closedPort[0] = 1;
  columns.nameBytes.set(Buffer.from("pool.example"));
  columns.nameEnds[0] = 12;
  columns.nameCount = 1;
  columns.name[0] = 1;
  builder.appendArp(0x0a000001, 0x0a000002, 0x0021, 0x70c056f0, 0, 0);
  columns.arp.packets[0] = 3;
  columns.epoch.fill(7);
  columns.sequence = 5;
  const { columns: copy } = copiedDelivery(
    columns,
    { sensor: "a", epoch: columns.epoch, sequence: columns.sequence },
    0,
  );
  expect(bytesOf(copy)).toEqual(bytesOf(columns));
});

function bytesOf(columns: FlowColumns): Uint8Array {
  return encodeFlowBatch(columns, new Uint8Array(batchBytesMax));
}
