import { silentAfterMs } from "@picket/correlator/sensors/sensor-registry.js";
import type { SensorRecord, SensorRegistry } from "@picket/correlator/sensors/sensor-registry.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { shuffle } from "../engine/flow-scenario.js";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { buildApplied, buildGap } from "./batch-reports.js";

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
      expect(listed[1]).toEqual({ ...records[0], rejectedBatches: {}, appliedSinceMs: 0 });
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
      await registry.recordApplied([
        buildApplied({ sequence: 1, records: 100 }),
        buildApplied({ sequence: 2, records: 20 }),
      ]);
      await registry.recordLost("lab-01", 7, "spool_full");
      expect((await registry.list(nowMs))[0]).toMatchObject({ appliedRecords: 120, lostRecords: 7 });
      await registry.recordStatus(buildSensor({ name: "lab-01", lastStatusMs: nowMs + 1 }));
      await registry.recordApplied([buildApplied({ sequence: 3, records: 1 })]);
      expect((await registry.list(nowMs))[0]).toMatchObject({ appliedRecords: 121, lostRecords: 7 });
    });

    it("lists a sensor whose flows came before its first status", async () => {
      await registry.recordApplied([buildApplied({ records: 3 })]);
      expect(await registry.list(nowMs)).toMatchObject([
        { name: "lab-01", state: "silent", appliedRecords: 3 },
      ]);
    });

    it("counts a batch once, however often and in whatever order it is reported", async () => {
      const batches = Array.from({ length: 300 }, (_, i) =>
        buildApplied({
          sensor: `lab-0${1 + (i % 3)}`,
          epoch: `${i % 2}`.repeat(32),
          sequence: 1 + Math.floor(i / 6) * (i % 5 === 0 ? 9_000_000_000 : 700),
          records: 1 + i,
        }),
      );
      const expected = new Map<string, number>();
      for (const { sensor, records } of batches) expected.set(sensor, (expected.get(sensor) ?? 0) + records);
      const reports = shuffle([...batches, ...batches, ...batches], new SeededRandom(7));
      for (let from = 0; from < reports.length; from += 70)
        await registry.recordApplied(reports.slice(from, from + 70));
      const listed = await registry.list(nowMs);
      expect(new Map(listed.map(({ name, appliedRecords }) => [name, appliedRecords]))).toEqual(expected);
    });

    it("counts batches of a bitmap that is full once as well", async () => {
      const batches = Array.from({ length: 3 * 4096 }, (_, i) =>
        buildApplied({ sequence: i + 1, records: 1 }),
      );
      for (let round = 0; round < 2; round++) {
        for (let from = 0; from < batches.length; from += 1000)
          await registry.recordApplied(batches.slice(from, from + 1000));
        expect((await registry.list(nowMs))[0].appliedRecords).toBe(batches.length);
      }
    });

    it("counts a gap once, and one of other times as another", async () => {
      await registry.recordGaps([buildGap(), buildGap({ toMs: 5 }), buildGap({ sensor: "lab-02" })]);
      await registry.recordGaps([buildGap(), buildGap({ epoch: "f".repeat(32) })]);
      const listed = await registry.list(nowMs);
      expect(listed.map(({ lostRecords }) => lostRecords)).toEqual([21, 7]);
    });

    it("counts what was set aside once, by reason", async () => {
      const reject = (identity: string, reason = "epoch", sensor = "lab-01"): Promise<void> =>
        registry.recordRejected([{ sensor, reason, identity }]);
      await reject("1-1");
      await reject("2-1");
      await reject("1-1");
      await reject("3-1", "gap-record");
      await reject("4-1", "epoch", "lab-02");
      const listed = await registry.list(nowMs);
      expect(listed.map(({ rejectedBatches }) => rejectedBatches)).toEqual([
        { epoch: 2, "gap-record": 1 },
        { epoch: 1 },
      ]);
    });

    it("says since when it counts", async () => {
      await registry.recordApplied([buildApplied({ sequence: 2, ingestMs: nowMs })]);
      await registry.recordApplied([buildApplied({ sequence: 1, ingestMs: nowMs - 5000 })]);
      await registry.recordApplied([buildApplied({ sequence: 3, ingestMs: nowMs + 5000 })]);
      expect((await registry.list(nowMs))[0].appliedSinceMs).toBe(nowMs - 5000);
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
    linkNetworks: ["10.0.0.0/24", "2001:db8::/64"],
    routedNetworks: ["172.16.0.0/12"],
    refusedNetworks: { wide: 1 },
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
