import { describe, expect, it } from "vitest";
import type { FactKind } from "./fact-window.js";
import { FactWindows } from "./fact-windows.js";
import { TouchedWindows } from "./touched-windows.js";
import { dayMs, newWindowCounters } from "./window-store.js";

const hourMs = 3_600_000;

function kind(details: Partial<FactKind> = {}): FactKind {
  return {
    id: 255,
    name: "test",
    sliceMs: dayMs,
    slicesBefore: 0,
    hotMembersMin: 1,
    membersMax: 8,
    ...details,
  };
}

describe("windows of facts", () => {
  it.each([
    [false, [1, 1, 1]],
    [true, [1, 0, 0]],
  ])("name a window that is quiet (%s) at each merge so often", (isQuiet, named) => {
    const windows = new FactWindows(newWindowCounters());
    const touched = new TouchedWindows(() => {});
    const one = kind({ isQuiet });
    const counts = ["a", "b", "b"].map((member) => {
      windows.merge({ kind: one, subject: "s", member, timeMs: 5, value: 0, sensor: 1 }, touched);
      return touched.take().length;
    });
    expect(counts).toEqual(named);
  });

  it.each([
    ["a day until two hours after its close", dayMs, 0, dayMs + 2 * hourMs],
    ["a minute for another one", 60_000, 0, 120_000],
    ["an hour for as long as later ones read it", hourMs, 3, 5 * hourMs],
  ])("keep %s", (_, sliceMs, slicesBefore, untilMs) => {
    const windows = new FactWindows(newWindowCounters());
    const one = kind({ sliceMs, slicesBefore });
    const fact = { kind: one, subject: "s", member: "m", timeMs: 5, value: 0, sensor: 1 };
    windows.merge(fact, new TouchedWindows(() => {}));
    windows.close(untilMs - 1);
    expect(windows.read(one, "s", 0).members).toHaveLength(1);
    windows.close(untilMs);
    expect(windows.read(one, "s", 0).members).toEqual([]);
  });
});
