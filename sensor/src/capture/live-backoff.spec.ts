import { describe, expect, it } from "vitest";
import { MeterBackoff } from "./live-backoff.js";

describe("the wait before a meter is started again", () => {
  it("doubles up to five seconds", () => {
    const backoff = new MeterBackoff();
    expect(Array.from({ length: 7 }, () => backoff.next())).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
  });

  it("starts anew after a meter that lived", () => {
    const backoff = new MeterBackoff();
    backoff.next();
    backoff.next();
    backoff.onSign(1000);
    backoff.onSign(5000);
    expect(backoff.next()).toBe(1000);
    backoff.onSign(20_000);
    backoff.onSign(30_000);
    expect(backoff.next()).toBe(250);
  });
});
