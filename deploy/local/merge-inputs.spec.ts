import { describe, expect, it } from "vitest";

import type { FlowInput } from "./flow-input.js";
import { mergeInputs } from "./merge-inputs.js";

/** An input whose blocks end at the given times; it notes its name when it is read. */
function input(sensor: string, blockEndsUs: readonly number[], order: string[]): FlowInput {
  let read = 0;
  const timeUs = (): number => (read > blockEndsUs.length ? Infinity : (blockEndsUs[read - 1] ?? 0));
  return {
    sensor,
    path: sensor,
    bytesRead: 0,
    damage: undefined,
    get timeUs() {
      return timeUs();
    },
    get settledUs() {
      return timeUs();
    },
    next() {
      order.push(sensor);
      return Promise.resolve(read++ < blockEndsUs.length);
    },
    counters: () => ({}),
    close: () => Promise.resolve(),
  };
}

describe("merging inputs", () => {
  it("always reads the one that is furthest behind", async () => {
    const order: string[] = [];
    await mergeInputs([input("a", [10, 40], order), input("b", [20, 30], order)], () => Promise.resolve());
    expect(order.join("")).toBe("ababba");
  });

  it("settles at the slowest input and ends at infinity", async () => {
    const settled: number[] = [];
    await mergeInputs([input("a", [10, 40], []), input("b", [20, 30], [])], (us) => {
      settled.push(us);
      return Promise.resolve();
    });
    expect(settled).toEqual([0, 10, 20, 30, 40, Infinity]);
    expect([...settled].sort((a, b) => a - b)).toEqual(settled);
  });
});
