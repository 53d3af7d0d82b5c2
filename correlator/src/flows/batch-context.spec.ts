import { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { batchCorrectionMs, clockCorrectionMs } from "./batch-context.js";

const nowMs = 1_760_000_000_000;

describe("the correction of a sensor's clock", () => {
  it.each([
    ["nothing within two seconds", nowMs - 2000, 0],
    ["nothing when it is not known when the batch was sent", 0, 0],
    ["whole seconds when the clock is behind", nowMs - 2001, 2000],
    ["whole seconds when the clock is ahead", nowMs + 300_499, -300_000],
    ["rounded to the nearest second", nowMs + 300_501, -301_000],
    ["an hour after a step back", nowMs - 3_600_000, 3_600_000],
  ])("is %s", (_name, sentMs, expected) => {
    expect(clockCorrectionMs(nowMs, sentMs)).toBe(expected);
  });

  const batch = (endMs: number): FlowColumns => {
    const columns = new FlowColumns();
    columns.length = 1;
    columns.endUs[0] = endMs * 1000;
    return columns;
  };

  it("goes by the records when they end after they were sent: the clock was set back in between", () => {
    expect(batchCorrectionMs(batch(nowMs + 3_599_000), nowMs, nowMs)).toBe(-3_599_000);
    expect(batchCorrectionMs(batch(nowMs + 1000), nowMs, nowMs)).toBe(0);
    expect(batchCorrectionMs(batch(nowMs - 600_000), nowMs, nowMs)).toBe(0);
    expect(batchCorrectionMs(batch(nowMs + 3_600_000), nowMs, 0)).toBe(0);
  });
});
