import { MemoryLeases } from "@picket/correlator/adapters/memory/memory-leases.js";
import { appliedBatchOf } from "@picket/correlator/flows/batch-context.js";
import { Correlator, type CorrelatorPorts } from "@picket/correlator/pipeline.js";
import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { expect, it } from "vitest";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { deliveryOf, scenarioStartMs, shuffle, spreadFlows } from "./flow-scenario.js";
import type { ScenarioBatch, ScenarioFlow } from "./flow-scenario.js";
import { memoryPorts } from "./memory-ports.js";
import { confirmedTerms } from "./run-engine.js";

/** The promise is 1,000 runs, a minute on two cores: PICKET_DELIVERY_RUNS=1000. */
const runs = Number(process.env.PICKET_DELIVERY_RUNS ?? "100");
const untilMs = scenarioStartMs + 3_600_000;

/** A scan of 12 hosts and some answered flows around it. */
function smallScan(): ScenarioFlow[] {
  const flow = (source: string, host: number, port: number, outcome: Outcome): ScenarioFlow => ({
    source,
    destination: `10.1.0.${host}`,
    port,
    timeMs: scenarioStartMs + host * 1000,
    outcome,
  });
  return Array.from({ length: 12 }, (_, i) => [
    flow("10.9.0.9", i + 1, 22, Outcome.refused),
    flow("10.1.0.200", i + 1, 443, Outcome.answered),
  ]).flat();
}

/** Where a correlator dies in the life of a group: what it did until then stays. */
const deaths = ["before the effect", "before the count", "before the acknowledgement"] as const;

/**
 * Delivers every batch until it is acknowledged, in any order, to correlators of
 * which each may die at any step and comes back with nothing in memory.
 */
async function deliverAll(
  given: CorrelatorPorts,
  batches: readonly ScenarioBatch[],
  random: SeededRandom,
): Promise<number> {
  let died = 0;
  let leaseClockMs = 0;
  const ports = { ...given, leases: new MemoryLeases(() => leaseClockMs) };
  let owner = 0;
  const born = (): Correlator => new Correlator(ports, { owner: `correlator-${owner++}`, seed: owner });
  const correlators = [born(), born()];
  // What NATS does when it was killed itself: some of what was acknowledged comes again.
  let waiting = shuffle([...batches, ...batches.filter(() => random.chance(0.3))], random);
  for (let nowMs = 1; waiting.length > 0; nowMs += 50) {
    leaseClockMs = nowMs;
    const size = random.between(1, 4);
    const group = waiting.slice(0, size);
    waiting = waiting.slice(size);
    const death = random.chance(0.4) ? random.pick(deaths) : undefined;
    const index = random.below(correlators.length);
    const deliveries = group.map(deliveryOf);
    if (death !== "before the effect") {
      await correlators[index].applyDeliveries(deliveries, nowMs);
      if (death !== "before the count") await ports.sensors.recordApplied(deliveries.map(appliedBatchOf));
    }
    if (random.chance(0.2)) await correlators[index].tick(0, nowMs);
    if (death === undefined) continue;
    died++;
    correlators[index] = born();
    waiting = shuffle([...waiting, ...group], random);
  }
  // The leases of the dead run out.
  for (let nowMs = 1_000_000; nowMs < 1_200_000; nowMs += 60_000) {
    leaseClockMs = nowMs;
    for (const correlator of correlators) await correlator.tick(untilMs, nowMs);
  }
  return died;
}

it(`${runs} runs with redelivery, disorder and deaths count exactly and find the same incidents`, async () => {
  const flows = smallScan();
  let deathsSeen = 0;
  let expected: unknown[] | undefined;
  for (let seed = 1; seed <= runs; seed++) {
    const random = new SeededRandom(seed);
    const batches = spreadFlows(flows, {
      sensors: random.between(1, 3),
      seed,
      recordsPerBatch: random.between(1, 5),
    });
    const ports = memoryPorts();
    deathsSeen += await deliverAll(ports, batches, random);
    const emitted = new Map<string, number>();
    for (const { sensor, columns } of batches)
      emitted.set(sensor, (emitted.get(sensor) ?? 0) + columns.length);
    const counted = await ports.sensors.list(0);
    expect(new Map(counted.map((each) => [each.name, each.appliedRecords])), `seed ${seed}`).toEqual(emitted);
    const found = confirmedTerms(await ports.incidents.loadAll());
    expected ??= found;
    expect(found.length, `seed ${seed}`).toBeGreaterThan(0);
    expect(found, `seed ${seed}`).toEqual(expected);
  }
  expect(deathsSeen).toBeGreaterThan(runs);
}, 120_000);
