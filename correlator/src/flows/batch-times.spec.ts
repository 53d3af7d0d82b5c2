import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { batchTimeFault } from "./batch-times.js";

const nowMs = 1_789_948_800_000;
const dayMs = 86_400_000;

/** Records that end at the given times. */
function ending(...timesMs: number[]): FlowColumns {
  const builder = new FlowBatchBuilder();
  for (const timeMs of timesMs) {
    const row = builder.append(0, 0, 0xffff, 1, 0, 0, 0xffff, 2);
    builder.columns.startUs[row] = (timeMs - 5) * 1000;
    builder.columns.endUs[row] = timeMs * 1000;
  }
  return builder.columns;
}

describe("batchTimeFault", () => {
  it.each([
    ["nothing at all", [], nowMs],
    ["records of now", [nowMs - 1000, nowMs], nowMs],
    ["a backlog of a week", [nowMs - 7 * dayMs, nowMs - 7 * dayMs + 2000], nowMs],
    ["a clock that jumped by an hour", [nowMs - 3_600_000, nowMs], nowMs],
    ["a clock that is a year ahead", [nowMs + 365 * dayMs], nowMs + 365 * dayMs],
    ["a clock of 1970", [1000], 2000],
  ])("accepts %s", (_name, timesMs, sentMs) => {
    expect(batchTimeFault(ending(...timesMs), nowMs, sentMs)).toBeUndefined();
  });

  it("refuses records that are further apart than anything is kept", () => {
    expect(batchTimeFault(ending(1000, nowMs), nowMs, nowMs)).toBe("time-spread");
    expect(batchTimeFault(ending(nowMs, nowMs + 9 * dayMs), nowMs, nowMs)).toBe("time-spread");
  });

  it("refuses what has not happened, when nobody says how the clock runs", () => {
    expect(batchTimeFault(ending(nowMs + 2 * dayMs), nowMs, 0)).toBe("time-ahead");
  });

  it("looks at ARP, too", () => {
    const builder = new FlowBatchBuilder();
    const row = builder.appendArp(1, 2, 0x0200, 1, 0, 0);
    builder.columns.arp.startUs[row] = nowMs * 1000;
    builder.columns.arp.endUs[row] = (nowMs + 2 * dayMs) * 1000;
    expect(batchTimeFault(builder.columns, nowMs, 0)).toBe("time-ahead");
  });
});
