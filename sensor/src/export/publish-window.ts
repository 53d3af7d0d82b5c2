import type { SpoolEntry } from "./spool.js";

/** An entry that was published and not yet acknowledged. */
export interface InFlight {
  readonly id: number;
  readonly entry: SpoolEntry;
  readonly isBacklog: boolean;
  attempts: number;
  /** When it is sent again, milliseconds of the monotonic clock; 0: now. */
  dueMs: number;
}

/**
 * What is in flight: bounded in number and bytes, and half of it kept free of
 * backlog, so that live batches overtake it.
 */
export class PublishWindow {
  #entries = new Map<number, InFlight>();
  #bytes = 0;
  #backlogCount = 0;
  #backlogBytes = 0;
  #nextId = 1;

  constructor(
    private readonly countMax: number,
    private readonly bytesMax: number,
  ) {}

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** One entry always fits, however large. */
  hasRoom(bytes: number): boolean {
    if (this.#entries.size === 0) return true;
    return this.#entries.size < this.countMax && this.#bytes + bytes <= this.bytesMax;
  }

  hasBacklogRoom(): boolean {
    if (!this.hasRoom(0)) return false;
    return this.#backlogCount < Math.max(1, this.countMax / 2) && this.#backlogBytes < this.bytesMax / 2;
  }

  add(entry: SpoolEntry, isBacklog: boolean): InFlight {
    const inFlight = { id: this.#nextId++, entry, isBacklog, attempts: 0, dueMs: 0 };
    this.#entries.set(inFlight.id, inFlight);
    this.#account(inFlight, 1);
    return inFlight;
  }

  get(id: number): InFlight | undefined {
    return this.#entries.get(id);
  }

  remove(inFlight: InFlight): void {
    if (this.#entries.delete(inFlight.id)) this.#account(inFlight, -1);
  }

  /** In the order they were added. */
  [Symbol.iterator](): IterableIterator<InFlight> {
    return this.#entries.values();
  }

  #account(inFlight: InFlight, sign: 1 | -1): void {
    const bytes = inFlight.entry.bytes.length * sign;
    this.#bytes += bytes;
    if (!inFlight.isBacklog) return;
    this.#backlogCount += sign;
    this.#backlogBytes += bytes;
  }
}
