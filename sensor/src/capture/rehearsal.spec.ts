import { describe, expect, it } from "vitest";
import { SensorPipeline } from "../pipeline.js";
import { rehearse } from "./rehearsal.js";
import { RehearsalTraffic } from "./rehearsal-traffic.js";

describe("a rehearsal", () => {
  it("meters its packets into records and ends by itself", () => {
    const { packets, records } = rehearse(() => 0);
    expect(packets).toBeGreaterThanOrEqual(40_000);
    expect(records).toBeGreaterThan(1000);
  });

  it("ends where the machine is too slow for all of it", () => {
    let nowMs = 0;
    expect(rehearse(() => (nowMs += 250)).packets).toBeLessThan(10_000);
  });

  it("has traffic of every kind, none of it malformed", () => {
    const pipeline = new SensorPipeline({}, () => {});
    const traffic = new RehearsalTraffic((block) => pipeline.onBlock(block));
    let packets = 0;
    for (let i = 0; i < 10; i++) packets += traffic.next();
    pipeline.finish();
    const { counters } = pipeline;
    expect(counters["packets_flow"]).toBe(packets);
    expect(counters["metering_flows_opened"]).toBe(640);
    for (const outcome of ["answered", "refused", "ignored"])
      expect(counters[`metering_outcomes_${outcome}`], outcome).toBeGreaterThan(0);
  });
});
