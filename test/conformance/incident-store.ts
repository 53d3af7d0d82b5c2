import { setTimeout as delay } from "node:timers/promises";
import {
  buildEvent,
  buildIncident,
  buildReviewChange,
} from "@picket/correlator/adapters/memory/incident-fixture.js";
import type { IncidentStore, WatchItem } from "@picket/correlator/incidents/incident-store.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

/** Opens an empty store; the suite closes it. */
export type OpenIncidentStore = () => Promise<IncidentStore>;

const idA = "00000000000000aa";
const idB = "00000000000000bb";
const timeoutMs = 10_000;

/** What every incident store does. */
export function describeIncidentStore(name: string, open: OpenIncidentStore): void {
  describe(`${name} as incident store`, () => {
    let store: IncidentStore;
    const watching = new AbortController();
    beforeEach(async () => {
      store = await open();
    });
    afterEach(async () => {
      await store.close();
    });

    it("is empty at first", async () => {
      expect(await store.loadAll()).toEqual([]);
      expect(await store.list({})).toEqual({ incidents: [], stale: false });
      expect(await store.get(idA)).toBeUndefined();
    });

    it("keeps every field of the last state of each incident", async () => {
      const [first, second] = [buildIncident({ id: idA }), buildIncident({ id: idB, kind: "campaign" })];
      const grown = buildIncident({ id: idA, revision: 2, state: "growing", contactCount: 9 });
      expect(await store.commit([event(first), event(second)], 1)).toBe(true);
      expect(await store.commit([event(grown)], 1)).toBe(true);
      expect(await store.get(idA)).toEqual(grown);
      expect(await store.get(idB)).toEqual(second);
      expect(sorted(await store.loadAll())).toEqual([grown, second]);
      expect(sorted((await store.list({ kinds: ["campaign"] })).incidents)).toEqual([second]);
    });

    it("changes nothing when the same commit comes again", async () => {
      const events = [event(buildIncident({ id: idA })), event(buildIncident({ id: idA, revision: 2 }))];
      expect(await store.commit(events, 1)).toBe(true);
      expect(await store.commit(events, 1)).toBe(true);
      const items = await take(store.watch("0", watching.signal), 2);
      expect(revisions(items)).toEqual([1, 2]);
      expect((await store.get(idA))?.revision).toBe(2);
      await store.commit([event(buildIncident({ id: idA, revision: 3 }))], 1);
      expect(revisions(await take(store.watch("0", watching.signal), 3))).toEqual([1, 2, 3]);
    });

    it("refuses a commit under a lower fence than one already seen", async () => {
      expect(await store.commit([event(buildIncident({ id: idA }))], 7)).toBe(true);
      expect(await store.commit([event(buildIncident({ id: idB }))], 6)).toBe(false);
      expect(await store.get(idB)).toBeUndefined();
      expect(await store.commit([event(buildIncident({ id: idB }))], 7)).toBe(true);
      expect(await store.get(idB)).toBeDefined();
    });

    it("shows merged and retracted incidents only when asked to", async () => {
      await store.commit([event(buildIncident({ id: idA, state: "merged", mergedInto: idB }))], 1);
      expect((await store.list({})).incidents).toEqual([]);
      expect((await store.list({ includeInactive: true })).incidents).toHaveLength(1);
    });

    it("keeps what people say of an incident through what the grouping says later", async () => {
      await store.commit([event(buildIncident({ id: idA }))], 1);
      const acknowledged = await store.review(buildReviewChange({ note: "mine" }));
      expect(acknowledged).toMatchObject({ revision: 2, review: { revision: 1 } });
      const grown = buildIncident({ id: idA, revision: 2, contactCount: 9 });
      expect(await store.commit([event(grown)], 1)).toBe(true);
      const expected = { ...grown, revision: 3, review: acknowledged?.review };
      expect(await store.get(idA)).toEqual(expected);
      expect(await store.loadAll()).toEqual([expected]);
      expect((await store.list({ acknowledged: true })).incidents).toEqual([expected]);
      expect((await store.list({ acknowledged: false })).incidents).toEqual([]);
      const items = await take(store.watch("0", watching.signal), 3);
      expect(items.map((item) => item.kind === "event" && item.event.type)).toEqual([
        "opened",
        "acknowledged",
        "updated",
      ]);
    });

    it("does a request once, however often it comes", async () => {
      await store.commit([event(buildIncident({ id: idA }))], 1);
      const change = buildReviewChange({ action: "annotate", note: "once", revision: 1 });
      const [first, second] = await Promise.all([store.review(change), store.review(change)]);
      expect(second).toEqual(first);
      expect(await store.review(change)).toEqual(first);
      expect(first?.review.notes).toHaveLength(1);
      expect(revisions(await take(store.watch("0", watching.signal), 2))).toEqual([1, 2]);
    });

    it("reopens a closed incident that goes on", async () => {
      await store.commit([event(buildIncident({ id: idA }))], 1);
      const closed = await store.review(buildReviewChange({ action: "close" }));
      expect(closed?.state).toBe("closed");
      const later = buildIncident({ id: idA, revision: 2, lastSeenMs: buildIncident().lastSeenMs + 1 });
      const commit = [event({ ...later, state: "growing" })];
      expect(await store.commit(commit, 1)).toBe(true);
      expect(await store.commit(commit, 1)).toBe(true);
      const reopened = await store.get(idA);
      expect(reopened).toMatchObject({ state: "reopened", revision: 4 });
      expect(reopened?.review.closing).toBeUndefined();
      const items = await take(store.watch("0", watching.signal), 3);
      expect(items[2]).toMatchObject({ event: { type: "reopened", notify: true } });
    });

    it("refuses a change of an incident that is not there or at another revision", async () => {
      expect(await store.review(buildReviewChange({ id: idB }))).toBeUndefined();
      await store.commit([event(buildIncident({ id: idA }))], 1);
      await expect(store.review(buildReviewChange({ revision: 7 }))).rejects.toMatchObject({
        code: "CONFLICT",
        field: "revision",
      });
      expect(await store.get(idA)).toEqual(buildIncident({ id: idA }));
    });

    it("loses no note to a commit at the same moment", async () => {
      await store.commit([event(buildIncident({ id: idA }))], 1);
      const changes = Array.from({ length: 20 }, (_, i) => i + 1);
      await Promise.all(
        changes.flatMap((i): Promise<unknown>[] => [
          store.review(buildReviewChange({ action: "annotate", note: `n${i}`, requestId: `n-${i}` })),
          store.commit([event(buildIncident({ id: idA, revision: i + 1, contactCount: i }))], 1),
        ]),
      );
      const incident = await store.get(idA);
      expect(incident).toMatchObject({ revision: 41, contactCount: 20 });
      expect(incident?.review.notes.map(({ text }) => text)).toEqual(changes.map((i) => `n${i}`));
    });

    it("gives a watcher everything retained, then new events as they come", async () => {
      await store.commit([event(buildIncident({ id: idA }))], 1);
      const items = store.watch("0", watching.signal)[Symbol.asyncIterator]();
      expect(await next(items)).toMatchObject({
        kind: "event",
        event: { incident: { id: idA, revision: 1 } },
      });
      const pending = next(items);
      await store.commit([buildEvent({ id: idA, revision: 2 }, "updated")], 1);
      expect(await pending).toMatchObject({
        kind: "event",
        event: { type: "updated", incident: { revision: 2 } },
      });
      await items.return?.();
    });

    it("resumes right after a cursor", async () => {
      for (let revision = 1; revision <= 5; revision++)
        await store.commit([event(buildIncident({ id: idA, revision }))], 1);
      const all = await take(store.watch("0", watching.signal), 5);
      for (const [i, { cursor }] of all.slice(0, 4).entries())
        expect(revisions(await take(store.watch(cursor, watching.signal), 4 - i))).toEqual(
          [2, 3, 4, 5].slice(i),
        );
    });

    it("gives a watcher from now on nothing of the past", async () => {
      await store.commit([event(buildIncident({ id: idA }))], 1);
      const items = store.watch("", watching.signal)[Symbol.asyncIterator]();
      const pending = next(items);
      // The watch begins when it is first read, which the store does in its own time: commit until it is seen.
      const seen: WatchItem[] = [];
      void pending.then((item) => seen.push(item));
      for (let revision = 2; seen.length === 0 && revision < 200; revision++) {
        await store.commit([event(buildIncident({ id: idA, revision }))], 1);
        await delay(10);
      }
      expect(revisions([await pending])[0]).toBeGreaterThan(1);
      await items.return?.();
    });

    it("tells a watcher with a cursor of another log that there is a gap", async () => {
      await store.commit([event(buildIncident({ id: idA }))], 1);
      const [item] = await take(store.watch("0123456789ab.7", watching.signal), 1);
      expect(item.kind).toBe("gap");
    });

    it("refuses what is no cursor", async () => {
      for (const cursor of ["x", "-1", "1.5", "0123456789ab.", "' or 1=1"])
        await expect(take(store.watch(cursor, watching.signal), 1)).rejects.toMatchObject({
          code: "INVALID_ARGUMENT",
          field: "cursor",
        });
    });

    it("ends a watch when its signal aborts", async () => {
      const abort = new AbortController();
      const ended = take(store.watch("0", abort.signal), 1);
      await store.list({});
      abort.abort();
      expect(await ended).toEqual([]);
    });

    it("lets a watcher that does not read hold up nothing", async () => {
      const stalled = store.watch("0", watching.signal)[Symbol.asyncIterator]();
      await store.commit([event(buildIncident({ id: idA }))], 1);
      await next(stalled);
      const events = Array.from({ length: 500 }, (_, i) =>
        event(buildIncident({ id: idA, revision: i + 2 })),
      );
      expect(await store.commit(events, 1)).toBe(true);
      expect(await take(store.watch("0", watching.signal), 501)).toHaveLength(501);
      expect(revisions([await next(stalled)])).toEqual([2]);
      await stalled.return?.();
    });
  });
}

function event(incident: ReturnType<typeof buildIncident>): ReturnType<typeof buildEvent> {
  return buildEvent(incident, incident.revision === 1 ? "opened" : "updated");
}

function sorted<T extends { readonly id: string }>(incidents: readonly T[]): T[] {
  return [...incidents].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function revisions(items: readonly WatchItem[]): number[] {
  return items.map((item) => (item.kind === "event" ? item.event.incident.revision : -1));
}

async function next(items: AsyncIterator<WatchItem>): Promise<WatchItem> {
  const result = await within(items.next());
  if (result.done === true) throw new Error("the watch ended");
  return result.value;
}

/** The first items of a watch, fewer when it ends. */
async function take(watch: AsyncIterable<WatchItem>, count: number): Promise<WatchItem[]> {
  const items: WatchItem[] = [];
  const iterator = watch[Symbol.asyncIterator]();
  while (items.length < count) {
    const result = await within(iterator.next());
    if (result.done === true) return items;
    items.push(result.value);
  }
  await iterator.return?.();
  return items;
}

function within<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came within ${timeoutMs} ms`)), timeoutMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
