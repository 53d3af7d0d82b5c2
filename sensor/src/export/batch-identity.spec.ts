import { decodeFlowBatch, encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { batchBytesMax, FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { withBatchIdentity } from "./batch-identity.js";

describe("batch identity", () => {
  it("is what the decoder reads, whatever the meter wrote before", () => {
    const builder = new FlowBatchBuilder();
    const row = builder.append(0, 0, 0xffff, 1, 0, 0, 0xffff, 2);
    builder.columns.startUs[row] = builder.columns.endUs[row] = 1_700_000_000_000_000;
    builder.columns.sequence = 1;
    builder.columns.epoch.fill(9);
    const encoded = encodeFlowBatch(builder.columns, new Uint8Array(batchBytesMax));
    const epoch = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
    for (const sequence of [1, 127, 128, 300, 2 ** 31, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER]) {
      const columns = new FlowColumns();
      expect(decodeFlowBatch(withBatchIdentity(encoded, epoch, sequence), columns)).toBeUndefined();
      expect([columns.sequence, columns.length]).toEqual([sequence, 1]);
      expect(columns.epoch).toEqual(epoch);
    }
  });
});
