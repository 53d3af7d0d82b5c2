import { describe, expect, it } from "vitest";
import { CrowdRuns } from "./crowd-runs.js";
import type { CrowdItem } from "./merge-plan.js";
import { subjectHash } from "./window-keys.js";

function crowd(subject: string, change: Partial<CrowdItem> = {}): CrowdItem {
  const sources = ["\x0a\0\0\x01"];
  return {
    type: "crowd",
    kind: "target",
    subject,
    slice: 7,
    hashed: subjectHash(subject),
    sources,
    isLong: false,
    ...change,
  };
}

describe("CrowdRuns", () => {
  it("gathers the crowds of one string, one run a slice", () => {
    const runs = new CrowdRuns();
    const same = crowd("\x0a\0\0\x02");
    for (const item of [same, { ...same }, { ...same, slice: 8 }]) expect(runs.take(item)).toBe(true);
    expect(runs.all().map(({ slice, items }) => [slice, items.length])).toEqual([
      [7, 2],
      [8, 1],
    ]);
  });

  it("leaves out crowds of several sources, with a set of their own, or of an address that does not fit", () => {
    const runs = new CrowdRuns();
    const several = crowd("\x0a\0\0\x02", { sources: ["\x0a\0\0\x01", "\x0a\0\0\x03"] });
    const long = crowd("\x0a\0\0\x02", { isLong: true });
    const other = crowd("\x0a\0\0\x02", { sources: ["\x20\x01\x0d\xb8\0\0\0\x01"] });
    expect([several, long, other].map((item) => runs.take(item))).toEqual([false, false, false]);
    expect(runs.all()).toEqual([]);
  });
});
