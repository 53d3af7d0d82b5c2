import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { decodeFlowBatch, encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { batchBytesMax, FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { LabFlows } from "./lab-flows.js";
import { NotedLabFlows } from "./noted-lab-flows.js";

const records = 200;
const batches = 50;
const scratch = new Uint8Array(batchBytesMax);

/** Bytes a flow of each of many batches of lab flows. */
function bytesPerFlow(seed: number): number[] {
  const flows = new LabFlows(seed);
  return Array.from({ length: batches }, (_, at) => {
    const builder = new FlowBatchBuilder(records, { seed });
    builder.columns.sequence = at + 1;
    expect(flows.appendTo(builder, records)).toBe(records);
    const bytes = encodeFlowBatch(builder.columns, scratch);
    expect(decodeFlowBatch(bytes, new FlowColumns())).toBeUndefined();
    return bytes.length / records;
  });
}

describe("LabFlows", () => {
  it("gives the same flows for the same seed", () => {
    expect(bytesPerFlow(1)).toEqual(bytesPerFlow(1));
  });

  it("needs at most 24 bytes a flow on the wire in batches of 200", () => {
    for (const seed of [1, 2, 3]) {
      const sizes = bytesPerFlow(seed).sort((a, b) => a - b);
      const median = sizes[batches / 2];
      const largest = sizes[batches - 1];
      process.stdout.write(`bytes a lab flow, seed ${seed}: median ${median}, largest ${largest}\n`);
      expect(largest).toBeLessThanOrEqual(24);
    }
  });
});

describe("NotedLabFlows", () => {
  it("needs at most 24 bytes a flow with everything a sensor notes, in the median", () => {
    for (const seed of [1, 2, 3]) {
      const plain = notedBytesPerFlow(seed, false);
      const named = notedBytesPerFlow(seed, true);
      process.stdout.write(
        `bytes a noted lab flow, seed ${seed}: median ${plain.median}, largest ${plain.largest} without names; ` +
          `${named.median}, ${named.largest} with names of ${named.namesShare.toFixed(2)} of the flows\n`,
      );
      expect(named.namesShare).toBeGreaterThan(0.32);
      expect(named.median).toBeLessThanOrEqual(24);
      expect(named.largest).toBeLessThanOrEqual(26);
    }
  });
});

interface NotedBytes {
  readonly median: number;
  readonly largest: number;
  /** Share of flows that have a name. */
  readonly namesShare: number;
}

/** Bytes a flow of many batches with notes. */
function notedBytesPerFlow(seed: number, isNamed: boolean): NotedBytes {
  const flows = new NotedLabFlows(seed, new LabFlows(seed), isNamed);
  let named = 0;
  const sizes = Array.from({ length: batches }, (_, at) => {
    const builder = new FlowBatchBuilder(records, { seed });
    builder.columns.sequence = at + 1;
    while (builder.length < records) flows.appendTo(builder);
    named += builder.columns.name.reduce((sum, name) => sum + (name === 0 ? 0 : 1), 0);
    const bytes = encodeFlowBatch(builder.columns, scratch);
    expect(decodeFlowBatch(bytes, new FlowColumns())).toBeUndefined();
    return bytes.length / records;
  }).sort((a, b) => a - b);
  return { median: sizes[batches / 2], largest: sizes[batches - 1], namesShare: named / (batches * records) };
}
