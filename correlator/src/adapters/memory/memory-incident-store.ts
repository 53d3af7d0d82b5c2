import { randomBytes } from "node:crypto";
import { PicketError } from "@picket/proto/picket-error.js";
import { incidentMatcher } from "../../incidents/incident-filter.js";
import { newEvents, reviewEvent, type ReviewChange } from "../../incidents/incident-review.js";
import type { IncidentFilter, IncidentStore, WatchItem } from "../../incidents/incident-store.js";
import type { Incident, IncidentEvent } from "../../incidents/incident.js";
import type { IncidentJournal, JournalEntry } from "./incident-journal.js";

export interface MemoryIncidentStoreOptions {
  /** Keeps events over a restart; without it everything ends with the process. */
  readonly journal?: IncidentJournal;
  /** Incidents kept; beyond it those that ended, then those seen longest ago, go first. */
  readonly incidentsMax?: number;
  /** Events kept for watchers that resume. */
  readonly eventsMax?: number;
}

/**
 * Incidents and their event log in this process. A watcher is a position in
 * the bounded log and holds no memory of its own: who falls behind the oldest
 * kept event is told the gap and goes on from there. A cursor is
 * "<log>.<sequence>".
 */
export class MemoryIncidentStore implements IncidentStore {
  readonly counters = { incidentsEvicted: 0, commitsFenced: 0 };
  private readonly incidents = new Map<string, Incident>();
  private readonly events: IncidentEvent[] = [];
  private readonly waiting = new Set<() => void>();
  private readonly log: string;
  private readonly journal: IncidentJournal | undefined;
  private readonly incidentsMax: number;
  private readonly eventsMax: number;
  /** Sequence of the newest event; the first is 1. */
  private lastSequence = 0;
  /** Sequence of the oldest event kept. */
  private firstSequence = 1;
  private highestFence = 0;
  private isClosed = false;
  private tail: Promise<unknown> = Promise.resolve();

  constructor(options: MemoryIncidentStoreOptions = {}) {
    this.journal = options.journal;
    this.incidentsMax = options.incidentsMax ?? 100_000;
    this.eventsMax = options.eventsMax ?? 4096;
    this.log = this.journal?.log ?? randomBytes(6).toString("hex");
    for (const entry of this.journal?.takeReplay() ?? []) this.replay(entry);
  }

  loadAll(): Promise<Incident[]> {
    return Promise.resolve([...this.incidents.values()]);
  }

  commit(events: readonly IncidentEvent[], fence: number): Promise<boolean> {
    return this.inTurn(() => this.commitNow(events, fence));
  }

  review(change: ReviewChange): Promise<Incident | undefined> {
    return this.inTurn(() => this.reviewNow(change));
  }

  get(id: string): Promise<Incident | undefined> {
    return Promise.resolve(this.incidents.get(id));
  }

  list(filter: IncidentFilter): Promise<{ incidents: Incident[]; stale: boolean }> {
    const incidents = [...this.incidents.values()].filter(incidentMatcher(filter));
    return Promise.resolve({ incidents, stale: false });
  }

  /** The cursor of now: a watch from it gets every later event. */
  latestCursor(): Promise<string> {
    return Promise.resolve(this.cursorOf(this.lastSequence));
  }

  watch(cursor: string, signal: AbortSignal): AsyncIterable<WatchItem> {
    return this.follow(cursor, this.lastSequence, signal);
  }

  async close(): Promise<void> {
    await this.tail;
    this.isClosed = true;
    this.wakeAll();
    await this.journal?.close();
  }

  /** One change at a time, in the order asked for. */
  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.tail.then(() => {
      if (this.isClosed) throw new PicketError("SERVER_UNREACHABLE", "the incident store is closed");
      return act();
    });
    this.tail = done.catch(() => undefined);
    return done;
  }

  private async commitNow(events: readonly IncidentEvent[], fence: number): Promise<boolean> {
    if (fence < this.highestFence) {
      this.counters.commitsFenced++;
      return false;
    }
    this.highestFence = fence;
    await this.append(newEvents(events, (id) => this.incidents.get(id)));
    return true;
  }

  private async reviewNow(change: ReviewChange): Promise<Incident | undefined> {
    const incident = this.incidents.get(change.id);
    const event = incident && reviewEvent(incident, change);
    if (event === undefined) return incident;
    await this.append([event]);
    return event.incident;
  }

  private async append(events: readonly IncidentEvent[]): Promise<void> {
    if (events.length === 0) return;
    const entries = events.map((event, i) => ({ sequence: this.lastSequence + i + 1, event }));
    await this.journal?.append(entries);
    for (const entry of entries) this.remember(entry.sequence, entry.event);
    this.evict();
    if (this.journal?.needsRewrite() === true) await this.journal.rewrite(this.journalEntries());
    this.wakeAll();
  }

  private remember(sequence: number, event: IncidentEvent): void {
    this.lastSequence = sequence;
    this.events[sequence % this.eventsMax] = event;
    this.firstSequence = Math.max(this.firstSequence, sequence - this.eventsMax + 1);
    this.incidents.set(event.incident.id, event.incident);
  }

  private replay(entry: JournalEntry): void {
    if ("state" in entry) {
      this.incidents.set(entry.state.id, entry.state);
      return;
    }
    if (entry.sequence <= this.lastSequence) return;
    // A skipped line leaves a hole: readers before it must be told, so the log starts after it.
    if (entry.sequence !== this.lastSequence + 1) this.firstSequence = entry.sequence;
    this.remember(entry.sequence, entry.event);
  }

  /** What a rewritten journal holds: states whose events are gone, then the events kept. */
  private *journalEntries(): Generator<JournalEntry> {
    const kept = new Set<Incident>();
    for (let s = this.firstSequence; s <= this.lastSequence; s++) kept.add(this.eventAt(s).incident);
    for (const state of this.incidents.values()) if (!kept.has(state)) yield { state };
    for (let s = this.firstSequence; s <= this.lastSequence; s++)
      yield { sequence: s, event: this.eventAt(s) };
  }

  private eventAt(sequence: number): IncidentEvent {
    return this.events[sequence % this.eventsMax];
  }

  /** Goes a tenth below the limit, so that the sort is rare. */
  private evict(): void {
    if (this.incidents.size <= this.incidentsMax) return;
    const excess = this.incidents.size - Math.floor(this.incidentsMax * 0.9);
    const byWorth = [...this.incidents.values()].sort(
      (a, b) => Number(isEnded(b)) - Number(isEnded(a)) || a.lastSeenMs - b.lastSeenMs,
    );
    for (const incident of byWorth.slice(0, excess)) this.incidents.delete(incident.id);
    this.counters.incidentsEvicted += excess;
  }

  private cursorOf(sequence: number): string {
    return `${this.log}.${sequence}`;
  }

  private async *follow(cursor: string, now: number, signal: AbortSignal): AsyncGenerator<WatchItem> {
    let next = cursor === "" ? now + 1 : 1;
    let isForeign = false;
    if (cursor === "0") next = this.firstSequence;
    else if (cursor !== "") {
      const position = parseCursor(cursor);
      isForeign = position.log !== this.log || position.sequence > this.lastSequence;
      next = isForeign ? this.firstSequence : position.sequence + 1;
    }
    if (isForeign) yield this.gap(next - 1, "the cursor is of another event log", 0);
    while (!signal.aborted && !this.isClosed) {
      if (next < this.firstSequence) {
        const missed = this.firstSequence - next;
        next = this.firstSequence;
        yield this.gap(next - 1, "fell behind the oldest event kept", missed);
      } else if (next <= this.lastSequence) {
        const event = this.eventAt(next);
        yield { kind: "event", cursor: this.cursorOf(next++), event };
      } else {
        await this.nextCommit(signal);
      }
    }
  }

  private gap(sequence: number, reason: string, missedEvents: number): WatchItem {
    return { kind: "gap", cursor: this.cursorOf(sequence), reason, missedEvents };
  }

  private nextCommit(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.waiting.add(wake);
      signal.addEventListener("abort", wake);
      if (signal.aborted) wake();
    });
  }

  private wakeAll(): void {
    for (const wake of this.waiting) wake();
  }
}

function isEnded(incident: Incident): boolean {
  return incident.state === "closed" || incident.state === "merged" || incident.state === "retracted";
}

function parseCursor(cursor: string): { log: string; sequence: number } {
  const match = /^([0-9a-f]{12})\.(\d{1,15})$/.exec(cursor);
  if (match === null) {
    throw new PicketError(
      "INVALID_ARGUMENT",
      "cursor: must be empty, 0 or the cursor of an earlier response",
      {
        field: "cursor",
      },
    );
  }
  return { log: match[1], sequence: Number(match[2]) };
}
