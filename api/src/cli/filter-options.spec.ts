import { describe, expect, it } from "vitest";
import { parseSince, toWireFilterOf } from "./filter-options.js";

const millisecondsAgo = (text: string): number => {
  const { seconds, nanos } = parseSince(text);
  return Date.now() - (Number(seconds) * 1000 + nanos / 1e6);
};

describe("the filter options", () => {
  it.each([
    ["90s", 90_000],
    ["15m", 900_000],
    ["1h", 3_600_000],
    ["2d", 172_800_000],
  ])("take %s as so long ago", (text, expected) => {
    expect(Math.abs(millisecondsAgo(text) - expected)).toBeLessThan(5000);
  });

  it("take an ISO 8601 time", () => {
    expect(parseSince("2025-10-09T08:53:20.250Z")).toEqual({ seconds: 1_760_000_000n, nanos: 250_000_000 });
  });

  it.each(["", "h", "1w", "-1h", "soon", "2025-13-45", "1760000000"])("refuse %j as a time", (text) => {
    expect(() => parseSince(text)).toThrow("give 90s, 15m, 1h, 2d or an ISO 8601 time");
  });

  it("match everything when none is given", () => {
    expect(toWireFilterOf({})).toMatchObject({
      kinds: [],
      minSeverity: 0,
      states: [],
      includeInactive: false,
    });
  });
});
