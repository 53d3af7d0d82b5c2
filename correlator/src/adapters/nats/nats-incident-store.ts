import { PicketError } from "@picket/proto/picket-error.js";
import { incidentMatcher } from "../../incidents/incident-filter.js";
import { newEvents, reviewEvent, type ReviewChange } from "../../incidents/incident-review.js";
import type { IncidentFilter, IncidentStore, WatchItem } from "../../incidents/incident-store.js";
import type { Incident, IncidentEvent } from "../../incidents/incident.js";
import type { RedisIncidentState, StoredIncident } from "../redis/redis-incident-state.js";
import { decodeIncident, decodeIncidentEvent, encodeIncident } from "./incident-codec.js";
import { IncidentLog } from "./incident-log.js";
import type { LogState } from "./incident-log.js";
import type { NatsLink } from "./nats-link.js";

export interface NatsIncidentStoreOptions {
  /** Incidents kept; beyond it those that ended, then those seen longest ago, go first. */
  readonly incidentsMax?: number;
}

const appendTries = 5;
const repairTries = 3;
const fellBehind = "fell behind the oldest event kept";
const rebuildTimeoutMs = 60_000;

/**
 * Incidents of the distributed mode: the INCIDENTS stream is the record, Redis
 * holds its fold, and each process keeps a copy that it brings up to date with
 * what changed. Whatever the state lacks (a crash between log and state, an
 * empty Redis) is folded from the log again. A cursor is "<log>.<sequence>".
 */
export class NatsIncidentStore implements IncidentStore {
  readonly counters = { incidentsEvicted: 0, commitsFenced: 0, eventsUnreadable: 0 };
  readonly #log: IncidentLog;
  readonly #state: RedisIncidentState;
  readonly #incidentsMax: number;
  readonly #stop = new AbortController();
  readonly #copy = new Map<string, Incident>();
  #copied = { log: "", sequence: -1, removals: 0 };
  /** The log as last seen by a commit, which the copy is the fold of; undefined when it must be looked at first. */
  #position: LogState | undefined;
  /** How often the copy was read anew, perhaps from before the last commit. */
  #copiesBegun = 0;
  #tail: Promise<unknown> = Promise.resolve();
  #refreshing: Promise<void> | undefined;

  constructor(link: NatsLink, state: RedisIncidentState, options: NatsIncidentStoreOptions = {}) {
    this.#log = new IncidentLog(link);
    this.#state = state;
    this.#incidentsMax = options.incidentsMax ?? 100_000;
  }

  async loadAll(): Promise<Incident[]> {
    await this.#inTurn(() => this.rebuild());
    return [...this.#copy.values()];
  }

  commit(events: readonly IncidentEvent[], fence: number): Promise<boolean> {
    return this.#inTurn(() => this.#commitNow(events, fence));
  }

  review(change: ReviewChange): Promise<Incident | undefined> {
    return this.#inTurn(() => this.#reviewNow(change));
  }

  async get(id: string): Promise<Incident | undefined> {
    const { stale } = await this.#freshen();
    const incident = this.#copy.get(id);
    if (incident === undefined && stale)
      throw new PicketError(
        "SERVER_UNREACHABLE",
        "redis does not answer and the incident is not among those last known",
      );
    return incident;
  }

  async list(filter: IncidentFilter): Promise<{ incidents: Incident[]; stale: boolean }> {
    const { stale } = await this.#freshen();
    if (stale && this.#copied.sequence < 0)
      throw new PicketError("SERVER_UNREACHABLE", "redis does not answer, and no incident was read before");
    return { incidents: [...this.#copy.values()].filter(incidentMatcher(filter)), stale };
  }

  async latestCursor(): Promise<string> {
    const { log, lastSequence } = await this.#log.state();
    return `${log}.${lastSequence}`;
  }

  watch(cursor: string, signal: AbortSignal): AsyncIterable<WatchItem> {
    return this.#follow(cursor, AbortSignal.any([signal, this.#stop.signal]));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#tail;
  }

  /** Folds into Redis whatever the log holds and Redis does not, then brings the copy up to date. */
  async rebuild(): Promise<void> {
    const position = await this.#repair();
    await this.#refresh();
    this.#position = position;
  }

  async #repair(): Promise<LogState> {
    for (let tries = 0; tries < repairTries; tries++) {
      const position = await this.#log.state();
      const { log, appliedSequence } = await this.#state.changesAfter(position.lastSequence);
      const applied = log === position.log ? appliedSequence : 0;
      if (log === position.log && applied >= position.lastSequence) return position;
      const incidents = await this.#fold(position, applied + 1);
      if (await this.#state.write(position.log, applied, position.lastSequence, incidents)) return position;
    }
    throw new PicketError("SERVER_UNREACHABLE", "redis loses the incidents while they are rebuilt");
  }

  /** The last state of every incident with an event from a sequence on. */
  async #fold(position: LogState, fromSequence: number): Promise<StoredIncident[]> {
    const folded = new Map<string, StoredIncident>();
    const from = Math.max(fromSequence, position.firstSequence);
    if (from > position.lastSequence) return [];
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(rebuildTimeoutMs)]);
    for await (const message of this.#log.read(from, signal)) {
      const event = decodeIncidentEvent(message.data);
      if (event === undefined) this.counters.eventsUnreadable++;
      else folded.set(event.incident.id, stored(event.incident, message.seq));
      if (message.seq >= position.lastSequence) return [...folded.values()];
    }
    throw new PicketError("SERVER_UNREACHABLE", "nats: the incident events could not be read to their end");
  }

  async #commitNow(events: readonly IncidentEvent[], fence: number): Promise<boolean> {
    for (let tries = 0; tries < appendTries; tries++) {
      if (!(await this.#state.claimFence(fence))) {
        this.counters.commitsFenced++;
        return false;
      }
      if (this.#position === undefined) await this.rebuild();
      if (await this.#append(newEvents(events, (id) => this.#copy.get(id)))) return true;
    }
    throw contended();
  }

  /** Looks at the log first, for what a person says must fit the incident as it is now. */
  async #reviewNow(change: ReviewChange): Promise<Incident | undefined> {
    for (let tries = 0; tries < appendTries; tries++) {
      await this.rebuild();
      const incident = this.#copy.get(change.id);
      const event = incident && reviewEvent(incident, change);
      if (event === undefined) return incident;
      if (await this.#append([event])) return event.incident;
    }
    throw contended();
  }

  /** False when the log had moved on, or Redis had lost its state; the position is then looked up anew. */
  async #append(events: readonly IncidentEvent[]): Promise<boolean> {
    const [position, copiesBegun] = [this.#position, this.#copiesBegun];
    if (position === undefined || events.length === 0) return position !== undefined;
    this.#position = undefined;
    const { isBehind, sequences } = await this.#log.append(events, position.lastSequence);
    if (isBehind) return false;
    const lastSequence = position.lastSequence + sequences.length;
    const states = lastStates(events, sequences);
    if (!(await this.#state.write(position.log, position.lastSequence, lastSequence, states))) return false;
    for (const { incident } of events) this.#copy.set(incident.id, incident);
    if (copiesBegun === this.#copiesBegun) this.#position = { ...position, lastSequence };
    await this.#evict();
    return true;
  }

  /** Goes a tenth below the limit, so that the sort is rare. */
  async #evict(): Promise<void> {
    if (this.#copy.size <= this.#incidentsMax) return;
    const excess = this.#copy.size - Math.floor(this.#incidentsMax * 0.9);
    const byWorth = [...this.#copy.values()].sort(
      (a, b) => Number(isEnded(b)) - Number(isEnded(a)) || a.lastSeenMs - b.lastSeenMs,
    );
    const ids = byWorth.slice(0, excess).map(({ id }) => id);
    await this.#state.remove(ids);
    for (const id of ids) this.#copy.delete(id);
    this.counters.incidentsEvicted += ids.length;
  }

  /** Brings the copy up to date if Redis answers; a Redis that lost its state is filled from the log first. */
  async #freshen(): Promise<{ stale: boolean }> {
    try {
      this.#refreshing ??= this.#refresh().finally(() => {
        this.#refreshing = undefined;
      });
      await this.#refreshing;
      return { stale: false };
    } catch (error) {
      if (error instanceof PicketError && error.code === "SERVER_UNREACHABLE") return { stale: true };
      throw error;
    }
  }

  async #refresh(): Promise<void> {
    let changes = await this.#state.changesAfter(this.#copied.sequence);
    if (
      changes.log === "" ||
      (changes.log === this.#copied.log && changes.appliedSequence < this.#copied.sequence)
    ) {
      await this.#repair();
      changes = await this.#state.changesAfter(-1);
      this.#copied.log = "";
    }
    if (changes.log !== this.#copied.log || changes.removals !== this.#copied.removals) {
      changes = await this.#state.changesAfter(-1);
      this.#copy.clear();
      this.#copiesBegun++;
      this.#position = undefined;
    }
    for (const { bytes } of changes.changed) this.#remember(bytes);
    this.#copied = { log: changes.log, sequence: changes.appliedSequence, removals: changes.removals };
  }

  #remember(bytes: Uint8Array): void {
    const incident = decodeIncident(bytes);
    if (incident === undefined) this.counters.eventsUnreadable++;
    else if (incident.revision >= (this.#copy.get(incident.id)?.revision ?? 0))
      this.#copy.set(incident.id, incident);
  }

  async *#follow(cursor: string, signal: AbortSignal): AsyncGenerator<WatchItem> {
    const asked = parseCursor(cursor);
    const { log, firstSequence, lastSequence } = await this.#log.state();
    const isForeign = asked !== undefined && (asked.log !== log || asked.sequence > lastSequence);
    let last = cursor === "" ? lastSequence : firstSequence - 1;
    if (isForeign) yield gap(log, last, "the cursor is of another event log", 0);
    else if (asked !== undefined) last = asked.sequence;
    if (last < firstSequence - 1) {
      yield gap(log, firstSequence - 1, fellBehind, firstSequence - 1 - last);
      last = firstSequence - 1;
    }
    for await (const message of this.#log.read(last + 1, signal)) {
      if (message.seq <= last) continue;
      const missed = message.seq - last - 1;
      if (missed > 0) yield gap(log, message.seq - 1, fellBehind, missed);
      last = message.seq;
      const event = decodeIncidentEvent(message.data);
      if (event === undefined) this.counters.eventsUnreadable++;
      else yield { kind: "event", cursor: `${log}.${last}`, event };
    }
  }

  /** One change at a time in this process, in the order asked for. */
  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(act);
    this.#tail = done.catch(() => undefined);
    return done;
  }
}

function stored(incident: Incident, sequence: number): StoredIncident {
  return { id: incident.id, sequence, bytes: encodeIncident(incident) };
}

/** Several events of one commit may be about the same incident: the last one counts. */
function lastStates(events: readonly IncidentEvent[], sequences: readonly number[]): StoredIncident[] {
  const last = new Map<string, StoredIncident>();
  for (const [i, { incident }] of events.entries()) last.set(incident.id, stored(incident, sequences[i]));
  return [...last.values()];
}

function contended(): PicketError {
  return new PicketError(
    "SERVER_UNREACHABLE",
    "nats: the incident events are written by someone else as well",
  );
}

function isEnded(incident: Incident): boolean {
  return incident.state === "closed" || incident.state === "merged" || incident.state === "retracted";
}

function gap(log: string, sequence: number, reason: string, missedEvents: number): WatchItem {
  return { kind: "gap", cursor: `${log}.${sequence}`, reason, missedEvents };
}

/** Undefined for "" and "0"; throws PicketError INVALID_ARGUMENT for what is no cursor. */
function parseCursor(cursor: string): { log: string; sequence: number } | undefined {
  if (cursor === "" || cursor === "0") return undefined;
  const match = /^([0-9a-f]{12})\.(\d{1,15})$/.exec(cursor);
  if (match === null)
    throw new PicketError(
      "INVALID_ARGUMENT",
      "cursor: must be empty, 0 or the cursor of an earlier response",
      {
        field: "cursor",
      },
    );
  return { log: match[1], sequence: Number(match[2]) };
}
