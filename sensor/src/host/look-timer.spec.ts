import { describe, expect, it } from "vitest";
import { LookTimer } from "./look-timer.js";

describe("looks at the host", () => {
  /** Seconds of the looks in `seconds` when a look costs so much. */
  function looks(costMs: number, restShare: number, seconds = 30): number[] {
    let elapsedMs = 0;
    const timer = new LookTimer(1e6, 10e6, () => elapsedMs);
    const times: number[] = [];
    for (let second = 0; second < seconds; second += 0.5) {
      if (!timer.isDue(second * 1e6, restShare)) continue;
      times.push(second);
      timer.look(second * 1e6, () => (elapsedMs += costMs));
    }
    return times;
  }

  it("come every second when they cost little", () => {
    expect(looks(0.2, 1000, 5)).toEqual([0, 1, 2, 3, 4]);
  });

  it("come less often when they cost more, up to a limit", () => {
    expect(looks(4, 1000)).toEqual([0, 4, 8, 12, 16, 20, 24, 28]);
    expect(looks(4, 200, 3)).toEqual([0, 1, 2]);
    expect(looks(100, 1000)).toEqual([0, 10, 20]);
  });

  it("come at once when the clock was set back", () => {
    const timer = new LookTimer(1e6, 10e6, () => 0);
    timer.look(100e6, () => {});
    expect(timer.isDue(100.5e6, 1)).toBe(false);
    expect(timer.isDue(50e6, 1)).toBe(true);
  });
});
