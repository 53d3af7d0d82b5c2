import {
  contactSliceMs,
  crowdBit,
  dayMs,
  defaultWindowLimits,
  hotContactsMin,
  hotStartsMin,
  partitionOf,
  startSliceMs,
  type CrowdKey,
  type HotWindow,
  type Observations,
  type WindowLimits,
  type WindowStore,
} from "@picket/correlator/windows/window-store.js";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { contactText, crowdText, sliceOf, sortContacts, WindowModel } from "./window-model.js";
import {
  anyObservations,
  address,
  contact,
  destinations,
  midnightMs,
  only,
  sourceNumber,
  sources,
} from "./window-observations.js";

/** What a kind of store gives to its conformance suite. */
export interface WindowStoreSubject {
  /** Empty windows, seen through `count` stores at once; ends what was opened before. */
  open(count: number, limits?: WindowLimits): Promise<WindowStore[]>;
  /** Property runs that the store is fast enough for. */
  readonly runs: number;
}

const today = midnightMs / dayMs;
const yesterday = today - 1;
const slice = sliceOf(midnightMs);

/** The suite of every window store. */
export function windowStoreConformance(name: string, subject: () => WindowStoreSubject): void {
  const open = async (limits?: WindowLimits): Promise<WindowStore> => (await subject().open(1, limits))[0];

  describe(`${name} as a window store`, () => {
    test("any order, repetition, grouping and replica gives the same windows", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyObservations, { maxLength: 6 }), fc.nat(), async (batches, seed) => {
          const stores = await subject().open(2);
          const merges = [...batches, ...batches.filter((_, index) => (seed >>> index) & 1)];
          const order = merges.map((_, index) => (index * 7 + seed) % merges.length);
          await Promise.all(
            order.map((at, index) => stores[(seed >>> index) & 1].merge(merges[at % merges.length])),
          );
          await expectModel(
            stores[1],
            order.map((at) => merges[at]),
          );
        }),
        { numRuns: subject().runs },
      );
    });

    test("a micro-batch in one piece and record by record give the same windows", async () => {
      await fc.assert(
        fc.asyncProperty(anyObservations, async (batch) => {
          const store = await open();
          for (const failed of batch.failed) await store.merge(only({ failed: [failed] }));
          for (const answered of batch.answered) await store.merge(only({ answered: [answered] }));
          for (const start of batch.starts) await store.merge(only({ starts: [start] }));
          await expectModel(store, [batch]);
        }),
        { numRuns: Math.ceil(subject().runs / 2) },
      );
    });

    test("an unknown window is empty", async () => {
      const store = await open();
      await expectModel(store, []);
    });

    test("a contact on both sides of midnight stands once in each day", async () => {
      const store = await open();
      await store.merge(
        only({ failed: [contact({ timeMs: midnightMs - 1 }), contact({ timeMs: midnightMs })] }),
      );
      const [window] = await store.readSources([sources[0]], yesterday, today);
      expect(window.failed.map(({ firstMs }) => firstMs).sort()).toEqual([midnightMs - 1, midnightMs]);
      expect((await store.readSources([sources[0]], today, today))[0].failed).toHaveLength(1);
    });

    test("a record that comes late lowers the first time and keeps the higher outcome", async () => {
      const store = await open();
      const late = midnightMs + 500_000;
      await store.merge(only({ failed: [contact({ timeMs: late, outcome: 4, sensor: 9 })] }));
      await store.merge(
        only({ failed: [contact({ timeMs: midnightMs, outcome: 1, stealth: 2, sensor: 3 })] }),
      );
      const [window] = await store.readSources([sources[0]], today, today);
      expect(window.failed).toMatchObject([{ firstMs: midnightMs, outcome: 4, stealth: 2, sensors: [3, 9] }]);
    });

    test("of many sensors the smallest four stay", async () => {
      const store = await open();
      for (const sensor of [0xffffffff, 5, 0x80000000, 3, 4, 1, 5])
        await store.merge(only({ failed: [contact({ sensor })] }));
      const [window] = await store.readSources([sources[0]], today, today);
      expect(window.failed[0].sensors).toEqual([1, 3, 4, 5]);
    });

    test("a source is hot from its fourth failed contact of the day, in every slice it is then seen in", async () => {
      const store = await open();
      for (let port = 1; port < hotContactsMin; port++)
        expect(await store.merge(only({ failed: [contact({ port })] }))).toEqual([]);
      const timeMs = midnightMs + contactSliceMs;
      const fourth = await store.merge(only({ failed: [contact({ port: 99, timeMs })] }));
      expect(fourth).toContainEqual({ kind: "source", source: sources[0], slice: slice + 1 });
      const read = await store.readHot(partitionOf(sources[0]), midnightMs, midnightMs + 2 * contactSliceMs);
      expect(read).toContainEqual({ kind: "source", source: sources[0], slice: slice + 1 });
    });

    test("a source that failed yesterday is hot at its first failed contact today", async () => {
      const store = await open();
      expect(await store.merge(only({ failed: [contact({ timeMs: midnightMs - 1 })] }))).toEqual([]);
      expect(await store.merge(only({ failed: [contact({ timeMs: midnightMs })] }))).toEqual([
        { kind: "source", source: sources[0], slice },
      ]);
    });

    test("answered contacts make nothing hot", async () => {
      const store = await open();
      const answered = [1, 2, 3, 4, 5, 6].map((port) => contact({ port, outcome: 5 }));
      expect(await store.merge(only({ answered }))).toEqual([]);
    });

    test("a crowd is hot from enough sources in its slice and the one before, in any order", async () => {
      const store = await open();
      const crowd = { kind: "port", subject: "\0\x16\x06", slice } as const;
      const next = { ...crowd, slice: slice + 1 };
      const add = (at: number, source: string): Promise<HotWindow[]> =>
        store.merge(
          only({ failed: [contact({ source, timeMs: at * contactSliceMs, crowds: crowdBit.port })] }),
        );
      expect(await add(slice + 1, sources[0])).toEqual([]);
      expect(await add(slice, sources[0])).toEqual([]);
      expect(await add(slice, sources[0])).toEqual([]);
      expect(await add(slice, sources[1])).toEqual([]);
      expect(await add(slice, sources[2])).toEqual([{ kind: "crowd", key: next }]);
      expect(await add(slice, sources[3])).toContainEqual({ kind: "crowd", key: crowd });
      expect(await add(slice + 2, sources[2])).toEqual([]);
      const read = await store.readHot(
        partitionOf(crowd.subject),
        midnightMs,
        midnightMs + 3 * contactSliceMs,
      );
      expect(read).toHaveLength(2);
      expect(read).toContainEqual({ kind: "crowd", key: next });
    });

    test("starts are hot from twenty positions in one slice, whoever reported them", async () => {
      const store = await open();
      const starts = (from: number, count: number): Observations =>
        only({
          starts: [
            {
              host: destinations[0],
              direction: "outbound",
              slice: startSlice,
              positions: Array.from({ length: count }, (_, index) => from + index),
            },
          ],
        });
      const startSlice = Math.floor(midnightMs / startSliceMs) + 3;
      expect(await store.merge(starts(0, hotStartsMin - 1))).toEqual([]);
      expect(await store.merge(starts(0, hotStartsMin - 1))).toEqual([]);
      const window = { kind: "starts", host: destinations[0], direction: "outbound", slice: startSlice };
      expect(await store.merge(starts(100, 1))).toEqual([window]);
      const endMs = (startSlice + 1) * startSliceMs;
      expect(await store.readHot(partitionOf(destinations[0]), endMs - 1, endMs)).toEqual([window]);
      expect(await store.readHot(partitionOf(destinations[0]), endMs, endMs + 1)).toEqual([]);
    });

    test("reading what is hot takes nothing away", async () => {
      const store = await open();
      await store.merge(only({ failed: [1, 2, 3, 4].map((port) => contact({ port })) }));
      const read = (): Promise<HotWindow[]> =>
        store.readHot(partitionOf(sources[0]), midnightMs, midnightMs + contactSliceMs);
      expect(await read()).toHaveLength(1);
      expect(await read()).toHaveLength(1);
    });

    test("what is older than any backlog makes no window", async () => {
      const store = await open();
      await store.merge(only({ failed: [contact({ port: 1 })] }));
      store.forget(midnightMs);
      const weekOld = midnightMs - 7 * dayMs;
      const old = [
        contact({ timeMs: weekOld }),
        contact({ timeMs: weekOld - 3 * dayMs }),
        contact({ timeMs: 5 }),
      ];
      await store.merge(only({ failed: old, answered: [contact({ timeMs: 5, outcome: 5 })] }));
      const [window] = await store.readSources([sources[0]], 0, today);
      expect(window.failed.map(({ firstMs }) => firstMs).sort()).toEqual([weekOld, midnightMs + 1000]);
      expect(store.counters.contactsRefused).toBe(3);
    });

    test("contacts over a source's cap are refused, counted and estimated", async () => {
      const store = await open({ ...defaultWindowLimits, contactsPerSourceMax: 10 });
      const failed = Array.from({ length: 110 }, (_, port) => contact({ port }));
      await store.merge(only({ failed }));
      await store.merge(only({ failed: [contact({ port: 3, outcome: 4 })] }));
      const [window] = await store.readSources([sources[0]], today, today);
      expect(window.failed).toHaveLength(10);
      expect(window.refused).toBeGreaterThan(90);
      expect(window.refused).toBeLessThan(110);
      expect(store.counters.contactsRefused).toBeGreaterThan(0);
    });

    test("over a source's cap one contact of each further host is kept, up to a quarter more", async () => {
      const store = await open({ ...defaultWindowLimits, contactsPerSourceMax: 8 });
      const hosts = [1, 2, 3, 4].map((last) => address(10, 0, 0, last));
      const failed = hosts.flatMap((destination) =>
        Array.from({ length: 20 }, (_, port) => contact({ destination, port })),
      );
      await store.merge(only({ failed }));
      await store.merge(only({ failed }));
      const [window] = await store.readSources([sources[0]], today, today);
      expect(new Set(window.failed.map(({ destination }) => destination))).toEqual(
        new Set(hosts.slice(0, 3)),
      );
      expect(window.failed).toHaveLength(10);
      expect(window.refused).toBe(70);
    });

    test("sources over a crowd's cap are refused, counted and estimated", async () => {
      const crowd = { kind: "service", subject: "\x0a\0\0\x01\0\x16\x06", slice } as const;
      for (const sourcesPerCrowdMax of [4, 100]) {
        const store = await open({ ...defaultWindowLimits, sourcesPerCrowdMax });
        const all = Array.from({ length: 1_100 }, (_, index) =>
          contact({ source: sourceNumber(index), destination: "\x0a\0\0\x01", crowds: crowdBit.service }),
        );
        await store.merge(only({ failed: all.slice(0, 600) }));
        await store.merge(only({ failed: all }));
        const [window] = await store.readCrowds([crowd]);
        expect(window.sources).toHaveLength(sourcesPerCrowdMax);
        expect(window.count).toBeGreaterThan(1_050);
        expect(window.count).toBeLessThan(1_150);
        expect(store.counters.crowdSourcesRefused).toBeGreaterThan(0);
        const history = await store.readCrowdHistory({ ...crowd, slice: slice + 1 });
        expect(history.get(slice)).toBe(window.count);
      }
    });
  });
}

/** Sources that are at other ports only in the slice, over the number of ports. */
function evenShare(key: CrowdKey, keys: readonly CrowdKey[], model: WindowModel): number {
  if (key.kind !== "port") return 0;
  const atPorts = keys.filter(({ kind, slice: other }) => kind === "port" && other === key.slice);
  const all = new Set(atPorts.flatMap((each) => model.crowdSources(each)));
  return (all.size - model.crowdSources(key).length) / 65_536;
}

/** Everything that can be read equals the model of what was merged. */
async function expectModel(store: WindowStore, merged: readonly Observations[]): Promise<void> {
  const model = new WindowModel(merged);
  await expectSources(store, model);
  await expectCrowds(store, model);
  await expectServices(store, model);
  await expectStarts(store, model);
}

async function expectSources(store: WindowStore, model: WindowModel): Promise<void> {
  const windows = await store.readSources(sources, yesterday, today);
  for (const [index, source] of sources.entries()) {
    expect(sortContacts(windows[index].failed)).toEqual(model.contacts("failed", source, yesterday, today));
    expect(sortContacts(windows[index].answered)).toEqual(
      model.contacts("answered", source, yesterday, today),
    );
  }
}

async function expectCrowds(store: WindowStore, model: WindowModel): Promise<void> {
  const keys = model.crowdKeys();
  const windows = await store.readCrowds(keys);
  for (const [index, key] of keys.entries()) {
    expect([...windows[index].sources].sort()).toEqual(model.crowdSources(key));
    expect(windows[index].count).toBe(windows[index].sources.length);
    expect(windows[index].evenShare).toBe(evenShare(key, keys, model));
    const history = await store.readCrowdHistory(key);
    expect(new Map([...history].sort(([a], [b]) => a - b))).toEqual(model.crowdHistory(key));
  }
  const partitions = [...new Set(keys.map(({ subject }) => partitionOf(subject)))];
  const hot = (
    await Promise.all(
      partitions.map((partition) =>
        store.readHot(partition, midnightMs - 4 * contactSliceMs, midnightMs + 5 * contactSliceMs),
      ),
    )
  ).flat();
  const crowds = hot.flatMap((window) => (window.kind === "crowd" ? [crowdText(window.key)] : []));
  expect([...new Set(crowds)].sort()).toEqual(model.hotCrowds());
}

async function expectServices(store: WindowStore, model: WindowModel): Promise<void> {
  const services = destinations.flatMap((destination) =>
    [0, 22, 65_535].map((port) => ({ destination, protocol: 6, port })),
  );
  for (const day of [yesterday, today, today + 1]) {
    const found = await store.readServices(services, day);
    for (const [index, service] of services.entries())
      expect(found[index], contactText(service)).toBe(model.isService(service, day));
  }
}

async function expectStarts(store: WindowStore, model: WindowModel): Promise<void> {
  const to = Math.floor(midnightMs / startSliceMs) + 10;
  for (const host of destinations)
    for (const direction of ["outbound", "inbound"] as const) {
      const counts = await store.readStarts(host, direction, to - 19, to);
      const expected = Array.from(counts, (_, index) => model.starts(host, direction, to - 19 + index));
      expect([...counts]).toEqual(expected);
    }
}
