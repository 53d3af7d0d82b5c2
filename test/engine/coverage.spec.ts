import { MemoryGapLedger } from "@picket/correlator/adapters/memory/memory-gap-ledger.js";
import { MemoryLeases } from "@picket/correlator/adapters/memory/memory-leases.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { Correlator, type CorrelatorPorts } from "@picket/correlator/pipeline.js";
import type { SensorRecord } from "@picket/correlator/sensors/sensor-registry.js";
import { beforeEach, describe, expect, it } from "vitest";
import { buildSensor } from "../conformance/sensor-registry.js";
import { deliveryOf, packFlows, scenarioStartMs } from "./flow-scenario.js";
import { memoryPorts } from "./memory-ports.js";
import { portScan } from "./scenarios.js";

/** Scans last for 20 s from here. */
const scanMs = scenarioStartMs + 60_000;

describe("the coverage of an incident", () => {
  let ports: CorrelatorPorts;
  let correlator: Correlator;
  let leaseMs = 0;

  beforeEach(() => {
    leaseMs = 0;
    const leases = new MemoryLeases(() => leaseMs);
    ports = { ...memoryPorts(), leases, gaps: new MemoryGapLedger() };
    correlator = new Correlator(ports, { owner: "first", seed: 1 });
  });

  async function heartbeat(name: string, ms: number, fields: Partial<SensorRecord> = {}): Promise<void> {
    const record = {
      name,
      state: "running",
      startedMs: scenarioStartMs,
      clockSkewMs: 0,
      counters: {},
    } as const;
    await ports.sensors.recordStatus(buildSensor({ ...record, lastStatusMs: ms, ...fields }));
  }

  async function scan(): Promise<void> {
    const batches = packFlows(portScan(1, 60, scanMs), "lab-01", 100);
    await correlator.applyDeliveries(batches.map(deliveryOf), scanMs + 20_000);
  }

  /** Ticks every two seconds from the last time on, while only some sensors report. */
  async function live(fromMs: number, toMs: number, reporting: readonly string[]): Promise<void> {
    for (let ms = fromMs; ms <= toMs; ms += 2000) {
      for (const name of reporting) await heartbeat(name, ms);
      await correlator.tick(scenarioStartMs, ms);
    }
  }

  async function incident(): Promise<Incident> {
    const [found] = await ports.incidents.loadAll();
    return found;
  }

  it("is complete while every sensor reports", async () => {
    await live(scenarioStartMs, scanMs, ["lab-01", "lab-02"]);
    await scan();
    await live(scanMs + 20_000, scanMs + 40_000, ["lab-01", "lab-02"]);
    expect((await incident()).coverage).toEqual({
      silentSensors: [],
      droppingSensors: [],
      waitingSensors: [],
      refusedMembers: 0,
      lostRecords: 0,
      lapses: [],
    });
  });

  it("names a sensor that fell silent in its time, though that is known only later", async () => {
    await live(scenarioStartMs, scanMs + 10_000, ["lab-01", "lab-02"]);
    await scan();
    await live(scanMs + 12_000, scanMs + 20_000, ["lab-01"]);
    expect((await incident()).coverage.silentSensors).toEqual([]);
    await live(scanMs + 22_000, scanMs + 40_000, ["lab-01"]);
    const lapse = { sensor: "lab-02", reason: "silent", fromMs: scanMs + 10_000, count: 0 };
    expect((await incident()).coverage).toMatchObject({
      silentSensors: ["lab-02"],
      lapses: [{ ...lapse, toMs: Infinity }],
    });
    await live(scanMs + 42_000, scanMs + 50_000, ["lab-01", "lab-02"]);
    expect((await incident()).coverage.lapses).toEqual([{ ...lapse, toMs: scanMs + 42_000 }]);
  });

  it("does not name a sensor that was silent at another time", async () => {
    await live(scenarioStartMs, scenarioStartMs + 4000, ["lab-01", "lab-02"]);
    await live(scenarioStartMs + 6000, scenarioStartMs + 30_000, ["lab-01"]);
    await live(scenarioStartMs + 32_000, scanMs, ["lab-01", "lab-02"]);
    await scan();
    await live(scanMs + 20_000, scanMs + 60_000, ["lab-01", "lab-02"]);
    await live(scanMs + 62_000, scanMs + 90_000, ["lab-01"]);
    expect((await incident()).coverage.lapses).toEqual([]);
  });

  it("counts the packets that were dropped in its time and no others", async () => {
    const dropped = (packets: number): Partial<SensorRecord> => ({
      counters: { packets_dropped_kernel: packets },
    });
    await heartbeat("lab-02", scenarioStartMs, dropped(100));
    await correlator.tick(scenarioStartMs, scenarioStartMs);
    await scan();
    for (const [ms, packets] of [
      [0, 100],
      [10_000, 125],
      [90_000, 125],
      [92_000, 999],
    ]) {
      await heartbeat("lab-02", scanMs + ms, dropped(packets));
      await correlator.tick(scenarioStartMs, scanMs + ms);
    }
    await correlator.tick(scenarioStartMs, scanMs + 95_000);
    expect((await incident()).coverage).toMatchObject({
      droppingSensors: ["lab-02"],
      lostRecords: 0,
      lapses: [{ reason: "dropping", count: 25, fromMs: scanMs, toMs: scanMs + 10_000 }],
    });
  });

  it("counts the records of gaps in its time, and names sensors that crashed or waited", async () => {
    await live(scenarioStartMs, scanMs, ["lab-01", "lab-02", "lab-03"]);
    await scan();
    await live(scanMs + 20_000, scanMs + 24_000, ["lab-01", "lab-02", "lab-03"]);
    const gap = { epoch: "11".repeat(16), firstSequence: 1, lastSequence: 2, packets: 0, bytes: 0 };
    const times = { fromMs: scanMs + 1000, toMs: scanMs + 3000 };
    await ports.gaps?.record([
      { ...gap, ...times, sensor: "lab-02", reason: "spool_full", records: 40 },
      { ...gap, ...times, sensor: "lab-03", reason: "crash", records: 0 },
      { ...gap, sensor: "lab-03", reason: "refused", records: 7, fromMs: scanMs - 9000, toMs: scanMs - 8000 },
    ]);
    await live(scanMs + 26_000, scanMs + 30_000, ["lab-01", "lab-02", "lab-03"]);
    expect((await incident()).coverage).toMatchObject({
      droppingSensors: ["lab-02", "lab-03"],
      lostRecords: 40,
      lapses: [
        { sensor: "lab-02", reason: "lost", count: 40, ...times },
        { sensor: "lab-03", reason: "crash", count: 0, ...times },
      ],
    });
  });

  it("keeps what another correlator said when this one takes over", async () => {
    await live(scenarioStartMs, scanMs + 2000, ["lab-01", "lab-02"]);
    await scan();
    await live(scanMs + 4000, scanMs + 40_000, ["lab-01"]);
    await live(scanMs + 42_000, scanMs + 44_000, ["lab-01", "lab-02"]);
    const before = (await incident()).coverage;
    expect(before.silentSensors).toEqual(["lab-02"]);
    leaseMs += 60_000;
    correlator = new Correlator(ports, { owner: "second", seed: 2 });
    await live(scanMs + 46_000, scanMs + 60_000, ["lab-01", "lab-02"]);
    expect((await incident()).coverage).toEqual(before);
  });

  it("leaves the sensors of picket doctor out", async () => {
    await live(scenarioStartMs, scanMs, ["lab-01", "doctor-hq"]);
    await scan();
    await live(scanMs + 20_000, scanMs + 60_000, ["lab-01"]);
    expect((await incident()).coverage.lapses).toEqual([]);
  });
});
