import { describe, expect, it } from "vitest";
import { PacketRate, stateOf } from "./sensor-status.js";

describe("sensor status", () => {
  it("tells packets a second since the heartbeat before", () => {
    const rate = new PacketRate();
    expect(rate.next(100, 1_000_000)).toBe(0);
    expect(rate.next(300, 3_000_000)).toBe(100);
    expect(rate.next(300, 5_000_000)).toBe(0);
  });

  it("is waiting while nothing is captured, whatever else is wrong", () => {
    expect(stateOf("interface eth0 is down", "spool is full").detail).toBe("interface eth0 is down");
    expect(stateOf(undefined, "spool is full").state).toBe("degraded");
    expect(stateOf(undefined, undefined)).toEqual({ state: "running", detail: "" });
  });
});
