import { describe, expect, it } from "vitest";
import { PublishWindow } from "./publish-window.js";
import { noTotals, type SpoolEntry } from "./spool.js";

function entry(bytes: number): SpoolEntry {
  const item = { kind: "batch", epoch: new Uint8Array(16), sequence: 1, totals: noTotals } as const;
  return { ...item, bytes: new Uint8Array(bytes), place: undefined, isResent: false };
}

describe("publish window", () => {
  it("is bounded in number and bytes, but takes one entry however large", () => {
    const window = new PublishWindow(2, 1000);
    expect(window.hasRoom(5000)).toBe(true);
    const large = window.add(entry(5000), false);
    expect(window.hasRoom(1)).toBe(false);
    window.remove(large);
    window.add(entry(400), false);
    expect(window.hasRoom(601)).toBe(false);
    expect(window.hasRoom(600)).toBe(true);
    window.add(entry(1), false);
    expect(window.hasRoom(1)).toBe(false);
  });

  it("keeps half of itself free of backlog", () => {
    const window = new PublishWindow(4, 1000);
    window.add(entry(10), true);
    const second = window.add(entry(10), true);
    expect(window.hasBacklogRoom()).toBe(false);
    expect(window.hasRoom(10)).toBe(true);
    window.remove(second);
    window.remove(second);
    expect(window.hasBacklogRoom()).toBe(true);
    expect([window.size, window.bytes]).toEqual([1, 10]);
  });
});
