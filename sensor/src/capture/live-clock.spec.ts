import { describe, expect, it } from "vitest";
import { MonotonicWallClock } from "./live-clock.js";

describe("monotonic wall clock", () => {
  it("carries wall time by the monotonic clock", () => {
    let monotonic = 10;
    const clock = new MonotonicWallClock(
      () => monotonic,
      () => 1_700_000_000_000,
    );
    monotonic = 10.25;
    expect(clock.nowUs()).toBe(1_700_000_000_000_250);
  });

  it("follows a step of the wall clock and counts it", () => {
    let monotonic = 0;
    let wall = 1_700_000_000_000;
    const clock = new MonotonicWallClock(
      () => monotonic,
      () => wall,
    );
    monotonic = 2000;
    wall += 2000 + 3_600_000;
    expect(clock.nowUs()).toBe(wall * 1000);
    expect(clock.steps).toBe(1);
  });

  it("ignores the rounding of the wall clock", () => {
    let monotonic = 0.9;
    const clock = new MonotonicWallClock(
      () => monotonic,
      () => Math.floor(1_700_000_000_000 + monotonic),
    );
    monotonic = 1500.1;
    clock.nowUs();
    expect(clock.steps).toBe(0);
  });
});
