import { appendFile, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WatchItem } from "../../incidents/incident-store.js";
import type { Incident } from "../../incidents/incident.js";
import { buildEvent, buildIncident, buildReviewChange } from "./incident-fixture.js";
import { IncidentJournal } from "./incident-journal.js";
import { MemoryIncidentStore } from "./memory-incident-store.js";

/** The first items of a watch. */
async function take(store: MemoryIncidentStore, cursor: string, count: number): Promise<WatchItem[]> {
  const stop = new AbortController();
  const items: WatchItem[] = [];
  for await (const item of store.watch(cursor, stop.signal)) {
    items.push(item);
    if (items.length === count) stop.abort();
  }
  return items;
}

const revisionsOf = (items: readonly WatchItem[]): unknown[] =>
  items.map((item) => (item.kind === "event" ? item.event.incident.revision : item.kind));

describe("the incident store in memory", () => {
  it("serves the state after the last event", async () => {
    const store = new MemoryIncidentStore();
    await store.commit([buildEvent(), buildEvent({ revision: 2, severity: "high" }, "updated")], 1);
    expect((await store.get("00000000000000aa"))?.severity).toBe("high");
    expect((await store.list({})).incidents).toHaveLength(1);
  });

  it("changes nothing when the same commit comes again", async () => {
    const store = new MemoryIncidentStore();
    await store.commit([buildEvent()], 1);
    await store.commit([buildEvent(), buildEvent({ revision: 2 }, "updated")], 1);
    expect(revisionsOf(await take(store, "0", 2))).toEqual([1, 2]);
  });

  it("refuses a commit with a lower fence", async () => {
    const store = new MemoryIncidentStore();
    expect(await store.commit([buildEvent()], 7)).toBe(true);
    expect(await store.commit([buildEvent({ revision: 2 })], 6)).toBe(false);
    expect((await store.get("00000000000000aa"))?.revision).toBe(1);
  });

  it("resumes a watch right after its cursor", async () => {
    const store = new MemoryIncidentStore();
    for (let revision = 1; revision <= 5; revision++) await store.commit([buildEvent({ revision })], 1);
    const [first, second] = await take(store, "0", 2);
    expect(revisionsOf([first])).toEqual([1]);
    expect(revisionsOf(await take(store, second.cursor, 3))).toEqual([3, 4, 5]);
  });

  it("starts an empty cursor at the call, not at the first read", async () => {
    const store = new MemoryIncidentStore();
    await store.commit([buildEvent()], 1);
    const watch = store.watch("", new AbortController().signal)[Symbol.asyncIterator]();
    await store.commit([buildEvent({ revision: 2 })], 1);
    const { value } = await watch.next();
    expect(revisionsOf([value])).toEqual([2]);
  });

  it("tells a reader that fell behind how many events it missed", async () => {
    const store = new MemoryIncidentStore({ eventsMax: 10 });
    const watch = store.watch("0", new AbortController().signal)[Symbol.asyncIterator]();
    for (let revision = 1; revision <= 3; revision++) await store.commit([buildEvent({ revision })], 1);
    await watch.next();
    for (let revision = 4; revision <= 30; revision++) await store.commit([buildEvent({ revision })], 1);
    expect((await watch.next()).value).toMatchObject({ kind: "gap", missedEvents: 19 });
    expect(revisionsOf([(await watch.next()).value])).toEqual([21]);
  });

  it("tells a reader with the cursor of another log that there is a gap", async () => {
    const store = new MemoryIncidentStore();
    await store.commit([buildEvent()], 1);
    expect(revisionsOf(await take(store, "0123456789ab.1", 2))).toEqual(["gap", 1]);
  });

  it.each(["x", "-1", "1", "0123456789ab.", "0123456789ab.99999999999999999"])(
    "refuses the cursor %s",
    async (cursor) => {
      await expect(take(new MemoryIncidentStore(), cursor, 1)).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        field: "cursor",
      });
    },
  );

  it("ends watches when it closes", async () => {
    const store = new MemoryIncidentStore();
    const end = store.watch("", new AbortController().signal)[Symbol.asyncIterator]().next();
    await store.close();
    expect((await end).done).toBe(true);
  });

  it("keeps at most the limit, letting go of what ended and is oldest", async () => {
    const store = new MemoryIncidentStore({ incidentsMax: 10 });
    await store.commit([buildEvent({ id: "ended", state: "closed", lastSeenMs: 99 })], 1);
    for (let i = 0; i < 10; i++) await store.commit([buildEvent({ id: `open-${i}`, lastSeenMs: i })], 1);
    const ids = (await store.loadAll()).map(({ id }) => id);
    expect(ids).not.toContain("ended");
    expect(ids).not.toContain("open-0");
    expect(ids).toHaveLength(9);
    expect(store.counters.incidentsEvicted).toBe(2);
  });
});

describe("the incident journal", () => {
  let folder = "";
  let file = "";
  beforeEach(async () => {
    folder = path.join(await mkdtemp(path.join(tmpdir(), "picket-journal-")), "state");
    file = path.join(folder, "incidents.journal");
  });
  afterEach(async () => {
    await rm(path.dirname(folder), { recursive: true });
  });

  const openStore = async (options: { compactBytes?: number; eventsMax?: number } = {}) => {
    const journal = await IncidentJournal.open({ folder, compactBytes: options.compactBytes });
    return { journal, store: new MemoryIncidentStore({ journal, eventsMax: options.eventsMax }) };
  };

  it("keeps a lapse that goes on, and reads incidents from before there were lapses", async () => {
    const before = await openStore();
    const { lapses: _lapses, waitingSensors: _waiting, ...coverage } = buildIncident().coverage;
    const old = { id: "00000000000000bb", coverage: coverage as Incident["coverage"] };
    await before.store.commit([buildEvent(), buildEvent(old)], 1);
    await before.store.close();
    const after = await openStore();
    expect((await after.store.get("00000000000000aa"))?.coverage).toEqual(buildIncident().coverage);
    expect((await after.store.get("00000000000000bb"))?.coverage).toMatchObject({
      silentSensors: ["lab-07"],
      waitingSensors: [],
      lapses: [],
    });
    await after.store.close();
  });

  it("keeps what people said, and reads incidents from before they could", async () => {
    const before = await openStore();
    const { review: _review, ...old } = buildIncident({ id: "00000000000000bb" });
    await before.store.commit([buildEvent(), { ...buildEvent(), incident: old as Incident }], 1);
    const acknowledged = await before.store.review(buildReviewChange({ note: "mine" }));
    await before.store.close();
    const after = await openStore();
    expect(await after.store.get("00000000000000aa")).toEqual(acknowledged);
    expect(await after.store.review(buildReviewChange())).toEqual(acknowledged);
    expect((await after.store.review(buildReviewChange({ id: "00000000000000bb" })))?.revision).toBe(2);
    await after.store.close();
    const { store } = await openStore({ compactBytes: 1 });
    await store.commit([buildEvent({ revision: 2 }, "updated")], 1);
    await store.close();
    const rewritten = await openStore();
    expect((await rewritten.store.get("00000000000000aa"))?.review).toEqual(acknowledged?.review);
    expect(await rewritten.store.list({ acknowledged: true })).toMatchObject({ incidents: [{}, {}] });
    await rewritten.store.close();
  });

  it("brings incidents, events and cursors back after a restart", async () => {
    const before = await openStore();
    await before.store.commit([buildEvent(), buildEvent({ id: "bb", severity: "critical" })], 1);
    const [first] = await take(before.store, "0", 1);
    await before.store.close();
    const after = await openStore();
    expect(await after.store.get("bb")).toEqual(buildEvent({ id: "bb", severity: "critical" }).incident);
    const [second] = await take(after.store, first.cursor, 1);
    expect(second).toMatchObject({ kind: "event", event: { incident: { id: "bb" } } });
    await after.store.close();
  });

  it("is readable by its owner only", async () => {
    const { store } = await openStore();
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await store.close();
  });

  it("cuts a line that a crash tore off, counts it and goes on", async () => {
    const before = await openStore();
    await before.store.commit([buildEvent()], 1);
    await before.store.close();
    await appendFile(file, '0badc0de {"sequence":2,"ev');
    const torn = await openStore();
    expect(torn.journal.counters).toMatchObject({ linesTorn: 1, linesCorrupt: 0 });
    await torn.store.commit([buildEvent({ revision: 2 })], 1);
    await torn.store.close();
    const after = await openStore();
    expect(after.journal.counters).toMatchObject({ linesTorn: 0, linesCorrupt: 0 });
    expect((await after.store.get("00000000000000aa"))?.revision).toBe(2);
    await after.store.close();
  });

  it("skips a line that does not match its checksum and tells earlier readers of the gap", async () => {
    const before = await openStore();
    for (let revision = 1; revision <= 3; revision++)
      await before.store.commit([buildEvent({ revision })], 1);
    const [first] = await take(before.store, "0", 1);
    await before.store.close();
    const lines = (await readFile(file, "utf8")).split("\n");
    lines[2] = lines[2].replace("medium", "severe");
    await writeFile(file, lines.join("\n"));
    const after = await openStore();
    expect(after.journal.counters.linesCorrupt).toBe(1);
    expect(revisionsOf(await take(after.store, first.cursor, 2))).toEqual(["gap", 3]);
    await after.store.close();
  });

  it("stays bounded by rewriting itself, with every incident kept", async () => {
    const { journal, store } = await openStore({ compactBytes: 20_000, eventsMax: 5 });
    await store.commit([buildEvent({ id: "kept" })], 1);
    for (let revision = 1; revision <= 200; revision++) await store.commit([buildEvent({ revision })], 1);
    expect(journal.counters.rewrites).toBeGreaterThan(2);
    expect((await stat(file)).size).toBeLessThan(40_000);
    await store.close();
    const after = await openStore({ eventsMax: 5 });
    expect((await after.store.loadAll()).map(({ id, revision }) => [id, revision])).toEqual([
      ["kept", 1],
      ["00000000000000aa", 200],
    ]);
    await after.store.close();
  });

  it("says so when its folder cannot be used", async () => {
    await writeFile(folder, "a file where the folder should be");
    await expect(IncidentJournal.open({ folder })).rejects.toMatchObject({ code: "FILE_UNREADABLE" });
  });

  it("is taken by one process at a time, and freed by closing or by a crash", async () => {
    const { store } = await openStore();
    const holder = await readFile(path.join(folder, "lock"), "utf8");
    expect(holder).toMatch(new RegExp(`^${process.pid} `));
    await store.close();
    // Process 1 always runs, and is none of ours.
    const parent = (await readFile("/proc/1/stat", "utf8")).replace(/^.*\) /, "").split(" ")[19];
    await writeFile(path.join(folder, "lock"), `1 ${parent}`);
    await expect(openStore()).rejects.toMatchObject({
      message: expect.stringContaining("is used by process 1"),
    });
    await writeFile(path.join(folder, "lock"), `1 ${Number(parent) + 7}`);
    await (await openStore()).store.close();
  });

  it("goes on in memory while it cannot be written, and catches up afterwards", async () => {
    const { journal, store } = await openStore();
    await store.commit([buildEvent()], 1);
    await rename(folder, `${folder}.away`);
    await journal.rewrite([]);
    await store.commit([buildEvent({ revision: 2 })], 1);
    expect(journal.counters.writesFailed).toBeGreaterThan(0);
    expect((await store.get("00000000000000aa"))?.revision).toBe(2);
    await rename(`${folder}.away`, folder);
    for (let revision = 3; revision <= 6; revision++) await store.commit([buildEvent({ revision })], 1);
    await store.close();
    const after = await openStore();
    expect((await after.store.get("00000000000000aa"))?.revision).toBe(6);
    expect(revisionsOf(await take(after.store, "0", 6))).toEqual([1, 2, 3, 4, 5, 6]);
    await after.store.close();
  });

  it("refuses a journal of an unknown format", async () => {
    const { store } = await openStore();
    await store.close();
    const { crc32 } = await import("node:zlib");
    const json = '{"format":"picket-incidents-9","log":"x"}';
    await writeFile(file, `${crc32(json).toString(16).padStart(8, "0")} ${json}\n`);
    await expect(openStore()).rejects.toMatchObject({ code: "FILE_UNREADABLE" });
  });
});
