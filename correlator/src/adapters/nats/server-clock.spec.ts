import { describe, expect, it } from "vitest";
import { ServerClock } from "./server-clock.js";

describe("the server's clock", () => {
  it("is unknown before something was seen", () => {
    expect(new ServerClock(() => 5000).nowMs()).toBe(0);
  });

  it("goes on with what passes since the latest time that was seen", () => {
    let elapsedMs = 100;
    const clock = new ServerClock(() => elapsedMs);
    clock.observe(1_000_000);
    elapsedMs += 50;
    expect(clock.nowMs()).toBe(1_000_050);
    clock.observe(1_000_070);
    expect(clock.nowMs()).toBe(1_000_070);
  });

  it("does not go back for what was stored long ago, nor for what is no time", () => {
    const clock = new ServerClock(() => 0);
    clock.observe(1_000_000);
    for (const storedMs of [999_999, 0, -62_135_596_800_000, Number.NaN]) clock.observe(storedMs);
    expect(clock.nowMs()).toBe(1_000_000);
  });
});
