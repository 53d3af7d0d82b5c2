import { describe, expect, it } from "vitest";
import type { HotWindow } from "../windows/window-store.js";
import { EvaluationQueue } from "./evaluation-queue.js";

const windows = new Map<string, HotWindow>();

/** Always the same object for a source. */
function window(source: string): HotWindow {
  let known = windows.get(source);
  if (known === undefined) windows.set(source, (known = { kind: "source", source, slice: 1 }));
  return known;
}

describe("EvaluationQueue", () => {
  it("gives a window at once the first time and makes it wait a second after that", () => {
    const queue = new EvaluationQueue();
    expect(queue.take([window("a")], 0)).toEqual([window("a")]);
    expect(queue.take([window("a")], 999)).toEqual([]);
    expect(queue.takeWaiting(999)).toEqual([]);
    expect(queue.takeWaiting(1000)).toEqual([window("a")]);
    expect(queue.takeWaiting(5000)).toEqual([]);
  });

  it("does not let one that waits hold up the others", () => {
    const queue = new EvaluationQueue();
    queue.take([window("a")], 0);
    queue.take([window("a")], 10);
    expect(queue.take([window("b")], 20)).toEqual([window("b")]);
  });

  it("tells what goes on for minutes in growing steps, at least every 30 seconds", () => {
    const queue = new EvaluationQueue();
    const times: number[] = [];
    for (let nowMs = 0; nowMs <= 200_000; nowMs += 1000)
      if (queue.take([window("a")], nowMs).length > 0) times.push(nowMs / 1000);
    expect(times).toEqual([0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 65, 95, 125, 155, 185]);
  });

  it("gives what came last a second after nothing new came", () => {
    const queue = new EvaluationQueue();
    for (let nowMs = 0; nowMs <= 40_000; nowMs += 1000) queue.take([window("a")], nowMs);
    expect(queue.takeWaiting(40_999)).toEqual([]);
    expect(queue.takeWaiting(41_000)).toEqual([window("a")]);
  });

  it("hands over some at once, more the more flows made them hot, and the rest later", () => {
    const queue = new EvaluationQueue();
    const many = Array.from({ length: 300 }, (_, index) => window(String(index)));
    expect(queue.take(many.slice(0, 100), 0)).toHaveLength(32);
    expect(queue.take(many.slice(100), 0, 12_800)).toHaveLength(132);
    expect(queue.takeWaiting(0)).toHaveLength(128);
    expect(queue.takeWaiting(0)).toHaveLength(8);
  });
});
