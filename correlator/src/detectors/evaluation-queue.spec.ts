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
  it("gives a window at once the first time and makes it wait after that", () => {
    const queue = new EvaluationQueue();
    expect(queue.take([window("a")], 0)).toEqual([window("a")]);
    expect(queue.take([window("a")], 199)).toEqual([]);
    expect(queue.takeWaiting(199)).toEqual([]);
    expect(queue.takeWaiting(200)).toEqual([window("a")]);
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
    for (let nowMs = 0; nowMs <= 200_000; nowMs += 200)
      if (queue.take([window("a")], nowMs).length > 0) times.push(nowMs / 1000);
    expect(times).toEqual([0, 0.2, 0.6, 1.4, 3, 6.2, 12.6, 25.4, 51, 81, 111, 141, 171]);
  });

  it("gives what came last half a second after nothing new came", () => {
    const queue = new EvaluationQueue();
    for (let nowMs = 0; nowMs <= 40_000; nowMs += 1000) queue.take([window("a")], nowMs);
    expect(queue.takeWaiting(40_499)).toEqual([]);
    expect(queue.takeWaiting(40_500)).toEqual([window("a")]);
  });

  it("hands over some at once, more the more flows made them hot, and the rest later", () => {
    const queue = new EvaluationQueue();
    const many = Array.from({ length: 300 }, (_, index) => window(String(index)));
    expect(queue.take(many.slice(0, 100), 0)).toHaveLength(32);
    expect(queue.take(many.slice(100), 0, 12_800)).toHaveLength(132);
    expect(queue.takeWaiting(0)).toHaveLength(128);
    expect(queue.takeWaiting(0)).toHaveLength(8);
  });

  it("does not let a hundred thousand crowds hold up a source", () => {
    const queue = new EvaluationQueue();
    const crowds = Array.from({ length: 100_000 }, (_, index): HotWindow => {
      return { kind: "crowd", key: { kind: "port", subject: String(index), slice: 1 } };
    });
    expect(queue.take([...crowds, window("a")], 0)).toContainEqual(window("a"));
    expect(queue.take([...crowds, window("a")], 10)).not.toContainEqual(window("a"));
    const waited = queue.takeWaiting(600);
    expect(waited).toContainEqual(window("a"));
    expect(waited).toHaveLength(128);
  });

  it("keeps a share for crowds, whatever the number of sources", () => {
    const queue = new EvaluationQueue();
    const sources = Array.from({ length: 1000 }, (_, index) => window(`s${index}`));
    const crowd: HotWindow = { kind: "crowd", key: { kind: "port", subject: "p", slice: 1 } };
    expect(queue.take([...sources, crowd], 0)).toContainEqual(crowd);
    queue.take([...sources, crowd], 10);
    expect(queue.takeWaiting(600)).toContainEqual(crowd);
  });
});
