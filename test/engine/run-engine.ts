import { Correlator, type CorrelatorPorts } from "@picket/correlator/pipeline.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { defaultPolicyRevision, type PolicyRevision } from "@picket/correlator/policy/policy.js";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { deliveryOf, shuffle, type ScenarioBatch } from "./flow-scenario.js";

/** How a run treats its batches. */
export interface RunOptions {
  readonly correlators: number;
  readonly seed: number;
  /** Every batch is delivered again to a random correlator. */
  readonly isRedelivered?: boolean;
  readonly batchesPerGroup?: number;
  readonly policy?: PolicyRevision;
  /** Event time until which everything is closed at the end. */
  readonly untilMs: number;
}

/**
 * Runs batches through correlators; the incidents at the end.
 * @param ports of all correlators together, or of each one
 */
export async function runEngine(
  ports: CorrelatorPorts | readonly CorrelatorPorts[],
  batches: readonly ScenarioBatch[],
  options: RunOptions,
): Promise<Incident[]> {
  const random = new SeededRandom(options.seed);
  const each = Array.isArray(ports) ? (ports as readonly CorrelatorPorts[]) : [ports as CorrelatorPorts];
  const correlators = Array.from({ length: options.correlators }, (_, index) => {
    const correlator = new Correlator(each[index % each.length], {
      owner: `correlator-${index}`,
      seed: options.seed + index,
    });
    correlator.setPolicy(options.policy ?? defaultPolicyRevision);
    return correlator;
  });
  const all = options.isRedelivered ? shuffle([...batches, ...batches], random) : batches;
  const size = options.batchesPerGroup ?? 3;
  let nowMs = 1;
  for (let from = 0; from < all.length; from += size) {
    nowMs += 37;
    const group = all.slice(from, from + size).map(deliveryOf);
    await random.pick(correlators).applyDeliveries(group, nowMs);
    if (random.chance(0.3)) await random.pick(correlators).tick(0, nowMs);
  }
  // Held-back updates come out once their second is over.
  for (let round = 0; round < 3; round++)
    for (const correlator of shuffle(correlators, random))
      await correlator.tick(options.untilMs, (nowMs += 2000));
  return each[0].incidents.loadAll();
}

/**
 * Confirmed incidents in the terms of the promise: id, kind, parties, ports,
 * severity, first and last seen, the ends it was seen at. One that was absorbed is part of another; it is
 * on record only where it had been told before.
 */
export function confirmedTerms(incidents: readonly Incident[]): unknown[] {
  return incidents
    .filter(
      (incident) =>
        incident.confirmation === "confirmed" && incident.state !== "retracted" && incident.mergedInto === "",
    )
    .map(({ id, kind, severity, sources, targets, ports, firstSeenMs, lastSeenMs, origin }) => ({
      id,
      kind,
      severity,
      sources,
      targets,
      ports,
      firstSeenMs,
      lastSeenMs,
      origin,
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Incidents that are of their own: not merged, not retracted. */
export function activeIncidents(incidents: readonly Incident[]): Incident[] {
  return incidents.filter(({ state }) => state !== "merged" && state !== "retracted");
}
