import { recordsAtEnds, type FleetFlow, type SimulatedRecord } from "./simulated-flow.js";

/** Records wait in steps of this length, milliseconds. */
const stepMs = 20;

/** Records of flows that have started, until the sensors have them. */
export class RecordQueue {
  readonly #steps = new Map<number, SimulatedRecord[]>();
  #step: number;

  /** @param startMs no record is due before, milliseconds since the Unix epoch */
  constructor(startMs: number) {
    this.#step = Math.floor(startMs / stepMs);
  }

  /** Takes in the records of a flow's ends. */
  add(flow: FleetFlow): void {
    for (const record of recordsAtEnds(flow)) {
      const step = Math.max(this.#step, Math.floor(record.emitMs / stepMs));
      const waiting = this.#steps.get(step);
      if (waiting === undefined) this.#steps.set(step, [record]);
      else waiting.push(record);
    }
  }

  /** The records due before `untilMs`, rounded down to a step, in order. */
  until(untilMs: number): SimulatedRecord[] {
    const due: SimulatedRecord[] = [];
    for (const end = Math.floor(untilMs / stepMs); this.#step < end; this.#step++) {
      const records = this.#steps.get(this.#step);
      this.#steps.delete(this.#step);
      if (records !== undefined) due.push(...records.sort((a, b) => a.emitMs - b.emitMs));
    }
    return due;
  }
}
