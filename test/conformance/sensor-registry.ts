import { silentAfterMs } from "@picket/correlator/sensors/sensor-registry.js";
import type { SensorRecord, SensorRegistry } from "@picket/correlator/sensors/sensor-registry.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

/** Opens an empty registry; the suite closes it. */
export type OpenSensorRegistry = () => Promise<SensorRegistry>;

const nowMs = 1_760_000_000_000;

/** What every sensor registry does. */
export function describeSensorRegistry(name: string, open: OpenSensorRegistry): void {
  describe(`${name} as sensor registry`, () => {
    let registry: SensorRegistry;
    beforeEach(async () => {
      registry = await open();
    });
    afterEach(async () => {
      await registry.close();
    });

    it("is empty at first", async () => {
      expect(await registry.list(nowMs)).toEqual([]);
    });

    it("lists every field of each sensor's last status, in order of name", async () => {
      const records = ["lab-02", "lab-10", "lab-01"].map((name) => buildSensor({ name }));
      for (const record of records) await registry.recordStatus(record);
      await registry.recordStatus(buildSensor({ name: "lab-01", lastStatusMs: nowMs + 1, detail: "late" }));
      const listed = await registry.list(nowMs + 1);
      expect(listed.map((record) => record.name)).toEqual(["lab-01", "lab-02", "lab-10"]);
      expect(listed[1]).toEqual(records[0]);
      expect(listed[0].detail).toBe("late");
    });

    it("calls a sensor silent after 15 s without a status", async () => {
      await registry.recordStatus(buildSensor({ name: "lab-01" }));
      await registry.recordStatus(buildSensor({ name: "lab-02", state: "stopped" }));
      const states = async (atMs: number): Promise<string[]> =>
        (await registry.list(atMs)).map(({ state }) => state);
      expect(await states(nowMs + silentAfterMs)).toEqual(["degraded", "stopped"]);
      expect(await states(nowMs + silentAfterMs + 1)).toEqual(["silent", "stopped"]);
      await registry.recordStatus(buildSensor({ name: "lab-01", lastStatusMs: nowMs + silentAfterMs + 1 }));
      expect(await states(nowMs + silentAfterMs + 1)).toEqual(["degraded", "stopped"]);
    });

    it("adds up applied and lost records by itself", async () => {
      await registry.recordStatus(buildSensor({ name: "lab-01", appliedRecords: 5, lostRecords: 5 }));
      await registry.recordApplied("lab-01", 100);
      await registry.recordApplied("lab-01", 20);
      await registry.recordLost("lab-01", 7, "spool_full");
      expect((await registry.list(nowMs))[0]).toMatchObject({ appliedRecords: 120, lostRecords: 7 });
      await registry.recordStatus(buildSensor({ name: "lab-01", lastStatusMs: nowMs + 1 }));
      await registry.recordApplied("lab-01", 1);
      expect((await registry.list(nowMs))[0]).toMatchObject({ appliedRecords: 121, lostRecords: 7 });
    });

    it("lists a sensor whose flows came before its first status", async () => {
      await registry.recordApplied("lab-01", 3);
      expect(await registry.list(nowMs)).toMatchObject([
        { name: "lab-01", state: "silent", appliedRecords: 3 },
      ]);
    });
  });
}

/** A sensor's record; every field has a value that is not its default. */
export function buildSensor(fields: Partial<SensorRecord> = {}): SensorRecord {
  return {
    name: "lab-01",
    state: "degraded",
    detail: "the spool is full",
    version: "0.1.0",
    host: "lab-01.example",
    interfaces: ["eth0"],
    hostAddresses: ["10.0.0.1", "2001:db8::1"],
    startedMs: nowMs - 60_000,
    lastStatusMs: nowMs,
    clockSkewMs: -12,
    counters: { packets_received: 1234 },
    policyRevision: 3,
    packetsPerSecond: 17.5,
    appliedRecords: 0,
    lostRecords: 0,
    ...fields,
  };
}
