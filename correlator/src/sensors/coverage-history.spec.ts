import { describe, expect, it } from "vitest";
import type { ReportedGap } from "./batch-account.js";
import { CoverageHistory } from "./coverage-history.js";
import type { SensorRecord } from "./sensor-registry.js";
import { sensorRecord } from "./testing/sensor-record.js";

const startMs = 1_760_000_000_000;

function record(fields: Partial<SensorRecord> = {}): SensorRecord {
  return sensorRecord({ startedMs: startMs - 60_000, lastStatusMs: startMs, ...fields });
}

function gap(fields: Partial<ReportedGap> = {}): ReportedGap {
  return {
    sensor: "lab-01",
    epoch: "00".repeat(16),
    firstSequence: 3,
    lastSequence: 5,
    records: 120,
    packets: 400,
    bytes: 1000,
    reason: "spool_full",
    fromMs: startMs + 1000,
    toMs: startMs + 2000,
    ...fields,
  };
}

const at = (ms: number): { fromMs: number; toMs: number } => ({ fromMs: startMs + ms, toMs: startMs + ms });

describe("what the sensors did not see", () => {
  it("is nothing while they all report", () => {
    const history = new CoverageHistory();
    history.observe([record()], startMs);
    history.observe([record({ lastStatusMs: startMs + 2000 })], startMs + 2000);
    expect(history.lapsesIn({ fromMs: 0, toMs: Infinity })).toEqual([]);
    expect(history.takeChanged()).toBeUndefined();
  });

  it("begins with the last heartbeat of a silent sensor and ends with the next one", () => {
    const history = new CoverageHistory();
    history.observe([record()], startMs);
    history.observe([record({ state: "silent" })], startMs + 15_001);
    const silent = { sensor: "lab-01", reason: "silent", fromMs: startMs, toMs: Infinity, count: 0 };
    expect(history.lapsesIn(at(14_000))).toEqual([silent]);
    expect(history.takeChanged()).toEqual({ fromMs: startMs, toMs: Infinity });
    history.observe([record({ lastStatusMs: startMs + 40_000 })], startMs + 40_500);
    expect(history.lapsesIn(at(14_000))).toEqual([{ ...silent, toMs: startMs + 40_000 }]);
    expect(history.lapsesIn(at(-1))).toEqual([]);
    expect(history.lapsesIn(at(40_001))).toEqual([]);
  });

  it("includes the time in which a sensor waits for its interface", () => {
    const history = new CoverageHistory();
    history.observe([record({ state: "waiting" })], startMs);
    history.observe([record({ lastStatusMs: startMs + 9000 })], startMs + 9000);
    expect(history.lapsesIn(at(5000))).toMatchObject([{ reason: "waiting", toMs: startMs + 9000 }]);
  });

  it("counts dropped packets where they were dropped, from the second look on", () => {
    const history = new CoverageHistory();
    const dropped = (packets: number, ms: number): void =>
      history.observe(
        [record({ counters: { packets_dropped_kernel: packets }, lastStatusMs: startMs + ms })],
        startMs + ms,
      );
    dropped(1000, 0);
    expect(history.lapsesIn({ fromMs: 0, toMs: Infinity })).toEqual([]);
    dropped(1000, 2000);
    dropped(1007, 4000);
    dropped(1010, 6000);
    expect(history.lapsesIn(at(5000))).toEqual([
      { sensor: "lab-01", reason: "dropping", fromMs: startMs + 2000, toMs: startMs + 6000, count: 10 },
    ]);
    dropped(1010, 100_000);
    dropped(1011, 102_000);
    expect(history.lapsesIn(at(101_000))).toMatchObject([{ count: 1 }]);
    expect(history.lapsesIn({ fromMs: 0, toMs: Infinity })).toMatchObject([{ count: 11 }]);
  });

  it("counts what a restarted sensor dropped since its start", () => {
    const history = new CoverageHistory();
    history.observe([record({ counters: { packets_dropped_kernel: 50 } })], startMs);
    const again = { startedMs: startMs + 1000, lastStatusMs: startMs + 3000 };
    history.observe([record({ ...again, counters: { packets_dropped_kernel: 4 } })], startMs + 3000);
    expect(history.lapsesIn(at(2000))).toMatchObject([{ reason: "dropping", count: 4 }]);
  });

  it("takes gap records once, in their own time, less the skew of the sensor's clock", () => {
    const history = new CoverageHistory();
    history.observe([record({ clockSkewMs: 300_000 })], startMs);
    const skewed = gap({ fromMs: startMs + 301_000, toMs: startMs + 302_000 });
    history.addGap(skewed, startMs + 9000);
    history.addGap(skewed, startMs + 9500);
    expect(history.lapsesIn(at(1500))).toEqual([
      { sensor: "lab-01", reason: "lost", fromMs: startMs + 1000, toMs: startMs + 2000, count: 120 },
    ]);
    history.addGap(gap({ sensor: "lab-02", reason: "crash", records: 0 }), startMs);
    expect(history.lapsesIn(at(1500))).toMatchObject([{ reason: "lost" }, { reason: "crash", count: 0 }]);
  });

  it("is bounded, and forgotten a day after it ended", () => {
    const history = new CoverageHistory();
    history.observe([record()], startMs);
    for (let i = 0; i < 300; i++)
      history.addGap(gap({ firstSequence: i + 1, fromMs: startMs + i, toMs: startMs + i }), startMs);
    expect(history.counters.lapsesForgotten).toBe(44);
    expect(history.lapsesIn(at(10))).toEqual([]);
    const laterMs = startMs + 26 * 3_600_000;
    history.observe([record({ lastStatusMs: laterMs })], laterMs);
    expect(history.lapsesIn({ fromMs: 0, toMs: Infinity })).toEqual([]);
  });
});
