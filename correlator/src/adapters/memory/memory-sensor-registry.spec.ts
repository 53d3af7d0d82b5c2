import { describe, expect, it } from "vitest";
import type { AppliedBatch } from "../../sensors/batch-account.js";
import type { SensorRecord } from "../../sensors/sensor-registry.js";
import { MemorySensorRegistry } from "./memory-sensor-registry.js";

const status = (name: string, fields: Partial<SensorRecord> = {}): SensorRecord => ({
  name,
  state: "running",
  detail: "",
  version: "0.1.0",
  host: name,
  interfaces: ["eth0"],
  hostAddresses: ["10.0.0.1"],
  startedMs: 1000,
  lastStatusMs: 10_000,
  clockSkewMs: 0,
  counters: { packets_received: 5 },
  policyRevision: 1,
  packetsPerSecond: 2,
  appliedRecords: 0,
  lostRecords: 0,
  ...fields,
});

const batch = (sensor: string, records: number): AppliedBatch => ({
  sensor,
  epoch: "00",
  sequence: 1,
  records,
  ingestMs: 1000,
});

describe("the sensor registry in memory", () => {
  it("lists sensors in order of name with the totals it kept itself", async () => {
    const registry = new MemorySensorRegistry();
    await registry.recordStatus(status("lab-02", { appliedRecords: 999 }));
    await registry.recordStatus(status("lab-01"));
    await registry.recordApplied([batch("lab-02", 7)]);
    await registry.recordLost("lab-02", 3, "crash");
    const sensors = await registry.list(11_000);
    expect(sensors.map(({ name }) => name)).toEqual(["lab-01", "lab-02"]);
    expect(sensors[1]).toMatchObject({ appliedRecords: 7, lostRecords: 3, state: "running" });
  });

  it("calls a sensor silent 15 seconds after its last status, unless it stopped", async () => {
    const registry = new MemorySensorRegistry();
    await registry.recordStatus(status("gone"));
    await registry.recordStatus(status("stopped", { state: "stopped" }));
    expect((await registry.list(25_000)).map(({ state }) => state)).toEqual(["running", "stopped"]);
    expect((await registry.list(25_001)).map(({ state }) => state)).toEqual(["silent", "stopped"]);
  });

  it("shows a sensor whose flows came before its first status", async () => {
    const registry = new MemorySensorRegistry();
    await registry.recordApplied([batch("early", 1)]);
    expect(await registry.list(0)).toMatchObject([{ name: "early", state: "silent", appliedRecords: 1 }]);
  });

  it("counts the sensors it refuses beyond its limit", async () => {
    const registry = new MemorySensorRegistry(1);
    await registry.recordStatus(status("a"));
    await registry.recordStatus(status("b"));
    expect(await registry.list(0)).toHaveLength(1);
    expect(registry.counters.sensorsRefused).toBe(1);
  });
});
