import type { PlannedAttack } from "../scenarios/attack-plan.js";
import { BenignFleet, type BenignFleetSettings } from "../scenarios/benign-fleet.js";
import { RecordQueue } from "../scenarios/record-queue.js";
import type { FleetFlow, SimulatedRecord } from "../scenarios/simulated-flow.js";

/** Ordinary traffic with attacks in it, as records in the order in which the sensors have them. */
export class FleetTraffic {
  /** Flows started so far. */
  flows = 0;
  readonly #benign: BenignFleet;
  readonly #queue: RecordQueue;
  /** Flows of all attacks, the earliest last. */
  readonly #attacks: FleetFlow[];

  constructor(settings: BenignFleetSettings, attacks: readonly PlannedAttack[]) {
    this.#benign = new BenignFleet(settings);
    this.#queue = new RecordQueue(settings.startMs);
    this.#attacks = attacks.flatMap(({ flows }) => flows).sort((a, b) => b.flow.startMs - a.flow.startMs);
  }

  /** The records that the sensors have by then, milliseconds since the Unix epoch, and were not given yet. */
  until(nowMs: number): SimulatedRecord[] {
    for (const flow of this.#benign.until(nowMs)) this.#start(flow);
    for (let next = this.#attacks.at(-1); next !== undefined && next.flow.startMs < nowMs;) {
      this.#start(next);
      this.#attacks.pop();
      next = this.#attacks.at(-1);
    }
    return this.#queue.until(nowMs);
  }

  #start(flow: FleetFlow): void {
    this.flows++;
    this.#queue.add(flow);
  }
}
