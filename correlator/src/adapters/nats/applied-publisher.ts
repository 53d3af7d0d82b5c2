import type { AppliedFloor, SensorEpoch } from "../../sensors/batch-account.js";
import { encodeAppliedFloor } from "./applied-watermark-codec.js";
import type { NatsLink } from "./nats-link.js";
import { appliedPrefix } from "./subjects.js";

/** A sensor is told this often at most, milliseconds. */
const everyMs = 1000;
/** Epochs waiting to be told; the one that waits longest is dropped beyond it. */
const waitingMax = 20_000;

/**
 * Tells each sensor up to where its batches were applied, so that it need not
 * keep them any longer. What is said is durable, so any number of correlators
 * may say it; a message that is lost is made up for by the next one, or by the
 * sensor's own patience.
 */
export class AppliedPublisher {
  readonly counters = { floorsPublished: 0, epochsDropped: 0 };
  readonly #link: NatsLink;
  readonly #readFloors: (epochs: readonly SensorEpoch[]) => Promise<AppliedFloor[]>;
  readonly #waiting = new Map<string, SensorEpoch>();
  #timer: NodeJS.Timeout | undefined;
  #publishing: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** @param readFloors those of the epochs that nobody else looks at just now */
  constructor(link: NatsLink, readFloors: (epochs: readonly SensorEpoch[]) => Promise<AppliedFloor[]>) {
    this.#link = link;
    this.#readFloors = readFloors;
  }

  /** Something of this epoch was applied, durably. */
  note({ sensor, epoch }: SensorEpoch): void {
    this.#waiting.set(idOf({ sensor, epoch }), { sensor, epoch });
    if (this.#waiting.size > waitingMax) this.#dropFirst();
    if (!this.#isClosed) this.#timer ??= this.#later();
  }

  /** Says the last of it, as far as the servers answer. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#publishing;
    await this.#publish();
  }

  #later(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#publishing = this.#publish().finally(() => {
        this.#timer = undefined;
        if (this.#waiting.size > 0 && !this.#isClosed) this.#timer = this.#later();
      });
    }, everyMs).unref();
  }

  /** What another correlator looks at just now waits for the next time. */
  async #publish(): Promise<void> {
    if (!this.#link.isConnected || this.#waiting.size === 0) return;
    const epochs = [...this.#waiting.values()];
    this.#waiting.clear();
    try {
      const floors = await this.#readFloors(epochs);
      const told = new Set(floors.map(idOf));
      for (const floor of floors) if (floor.floorSequence > 0) this.#send(floor);
      this.#keep(epochs.filter((epoch) => !told.has(idOf(epoch))));
    } catch {
      this.#keep(epochs);
    }
  }

  #send(floor: AppliedFloor): void {
    this.#link.current().publish(appliedPrefix + floor.sensor, encodeAppliedFloor(floor));
    this.counters.floorsPublished++;
  }

  #keep(epochs: readonly SensorEpoch[]): void {
    for (const epoch of epochs) this.#waiting.set(idOf(epoch), epoch);
  }

  #dropFirst(): void {
    for (const id of this.#waiting.keys()) {
      this.#waiting.delete(id);
      this.counters.epochsDropped++;
      return;
    }
  }
}

function idOf({ sensor, epoch }: SensorEpoch): string {
  return `${sensor}:${epoch}`;
}
