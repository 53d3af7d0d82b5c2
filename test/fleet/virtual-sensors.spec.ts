import { decodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { FlowColumns, Outcome } from "@picket/proto/batch/flow-columns.js";
import { expect, it } from "vitest";
import { planAttacks } from "../scenarios/attack-plan.js";
import { FleetTraffic } from "./fleet-traffic.js";
import { VirtualSensors, type SensorBatch } from "./virtual-sensors.js";

const startMs = 1_790_000_000_000;
const hosts = 30;

/** Batches of half a minute, with the time each was sent. */
function batchesOf(seed: number): { batch: SensorBatch; nowMs: number; columns: FlowColumns }[] {
  const attacks = planAttacks({
    seed,
    hosts,
    startMs,
    runMs: 30_000,
    quietMs: 1000,
    names: ["vertical-scan"],
  });
  const traffic = new FleetTraffic({ seed, hosts, flowsPerSecond: 20, startMs }, attacks);
  const sensors = new VirtualSensors(hosts);
  const sent = [];
  for (let nowMs = startMs; nowMs < startMs + 30_000; nowMs += 20) {
    for (const record of traffic.until(nowMs)) sensors.take(record);
    for (const batch of sensors.batches(nowMs)) {
      const columns = new FlowColumns();
      expect(decodeFlowBatch(batch.bytes, columns)).toBe(undefined);
      sent.push({ batch, nowMs, columns });
    }
  }
  return sent;
}

it("sends 200 ms after a failed contact was decided, and else within two seconds", () => {
  for (const { columns, nowMs } of batchesOf(5)) {
    const waits = Array.from({ length: columns.length }, (_, row) => {
      const decidedUs = columns.endUs[row] + (columns.outcome[row] === Outcome.ignored ? 1_499_000 : 0);
      const isFailed = columns.outcome[row] !== Outcome.answered;
      return { isFailed, waitMs: nowMs - decidedUs / 1000 };
    });
    expect(Math.max(0, ...waits.flatMap(({ isFailed, waitMs }) => (isFailed ? [waitMs] : [])))).toBeLessThan(
      241,
    );
  }
});

it("counts the batches of each sensor from 1 without holes, each in its own epoch", () => {
  const sent = batchesOf(6);
  const sequences = new Map<string, number>();
  for (const { batch, columns } of sent) {
    expect(batch.sequence).toBe((sequences.get(batch.sensor.name) ?? 0) + 1);
    expect(columns.sequence).toBe(batch.sequence);
    expect(Buffer.from(columns.epoch)).toEqual(batch.sensor.epoch);
    sequences.set(batch.sensor.name, batch.sequence);
  }
  expect(sequences.size).toBe(hosts);
});

it("reports every flow of an attack once", () => {
  const probes = batchesOf(7).flatMap(({ columns }) =>
    Array.from({ length: columns.length }, (_, row) => columns.destinationPort[row]).filter(
      (port) => port >= 20_000 && port < 20_100,
    ),
  );
  expect(probes.length).toBe(60);
  expect(new Set(probes).size).toBe(60);
});
