import { MemoryLeases } from "@picket/correlator/adapters/memory/memory-leases.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { Correlator, type CorrelatorPorts } from "@picket/correlator/pipeline.js";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { deliveryOf, shuffle, type ScenarioBatch } from "./flow-scenario.js";

/** Correlators that come and go while batches are applied. */
export interface ReplicaRun {
  /** At the beginning. */
  readonly correlators: number;
  readonly seed: number;
  /** Event time until which everything is closed at the end. */
  readonly untilMs: number;
}

/** What a run found, and how often a correlator came or went. */
export interface ReplicaResult {
  readonly incidents: readonly Incident[];
  readonly joined: number;
  readonly dropped: number;
}

const groupMax = 5;
const redeliveredShare = 0.3;
/** Steps in which the slices are closed, the last of them after everything. */
const closingSteps = 10;
/** Where a correlator is when it is dropped; its group is not acknowledged in either case. */
const deaths = ["before the effect", "before the acknowledgement"] as const;

/**
 * Delivers every batch until it is acknowledged, some once more, in any order. At
 * about a third a correlator joins with nothing in memory, at about two thirds one
 * is dropped with a group in hand, which others get; more come and go by chance.
 * @param portsOf ports of a new correlator, whose windows it reads for itself; leases are replaced
 */
export async function runReplicas(
  portsOf: () => CorrelatorPorts,
  batches: readonly ScenarioBatch[],
  { correlators, seed, untilMs }: ReplicaRun,
): Promise<ReplicaResult> {
  const random = new SeededRandom(seed);
  let nowMs = 1;
  const leases = new MemoryLeases(() => nowMs);
  let [born, dropped] = [0, 0];
  const begin = (): Correlator => {
    born++;
    return new Correlator({ ...portsOf(), leases }, { owner: `correlator-${born}`, seed: seed + born });
  };
  const replicas = Array.from({ length: correlators }, begin);
  let waiting = shuffle([...batches, ...batches.filter(() => random.chance(redeliveredShare))], random);
  const total = waiting.length;
  const groupMost = Math.max(1, Math.min(groupMax, Math.floor(total / 6)));
  for (; waiting.length > 0; nowMs += 37) {
    const left = waiting.length / total;
    if ((born === correlators && left <= 2 / 3) || random.chance(0.02)) replicas.push(begin());
    const index = random.below(replicas.length);
    const replica = replicas[index];
    const group = waiting.slice(0, random.between(1, groupMost));
    const isLost = (dropped === 0 && left <= 1 / 3) || random.chance(0.03);
    if (!isLost || random.pick(deaths) !== "before the effect")
      await replica.applyDeliveries(group.map(deliveryOf), nowMs);
    if (random.chance(0.3)) await replica.tick(0, nowMs);
    if (!isLost) {
      waiting = waiting.slice(group.length);
      continue;
    }
    dropped++;
    replicas.splice(index, 1);
    if (replicas.length === 0) replicas.push(begin());
    waiting = shuffle(waiting, random);
  }
  const [firstMs, lastMs] = spanOf(batches);
  // Every slice closes at a moment of its own, under leases that run out between two of them.
  for (let step = 1; step <= closingSteps; step++) {
    nowMs += 60_000;
    if (random.chance(0.5)) replicas.push(begin());
    if (replicas.length > 1 && random.chance(0.5)) {
      replicas.splice(random.below(replicas.length), 1);
      dropped++;
    }
    const watermarkMs =
      step < closingSteps ? firstMs + ((lastMs - firstMs) * step) / (closingSteps - 1) : untilMs;
    for (const replica of shuffle(replicas, random)) await replica.tick(watermarkMs, nowMs);
  }
  // What was held back comes out.
  for (let round = 0; round < 2; round++) {
    nowMs += 60_000;
    for (const replica of replicas) await replica.tick(untilMs, nowMs);
  }
  return { incidents: await portsOf().incidents.loadAll(), joined: born - correlators, dropped };
}

/** First and last moment of event time, milliseconds. */
function spanOf(batches: readonly ScenarioBatch[]): [number, number] {
  let [firstMs, lastMs] = [Infinity, 0];
  for (const { columns } of batches)
    for (let row = 0; row < columns.length; row++) {
      firstMs = Math.min(firstMs, columns.startUs[row] / 1000);
      lastMs = Math.max(lastMs, columns.endUs[row] / 1000);
    }
  return [firstMs, lastMs];
}
