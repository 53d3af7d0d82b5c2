import { bruteForce } from "@picket/correlator/detectors/brute-force.js";
import { hostSweep } from "@picket/correlator/detectors/host-sweep.js";
import { suspiciousPort } from "@picket/correlator/detectors/suspicious-port.js";
import type { FactKind, FactMember, FactObservation } from "@picket/correlator/windows/fact-window.js";
import { partitionOf, type WindowStore } from "@picket/correlator/windows/window-store.js";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { midnightMs, only } from "./window-observations.js";
import type { WindowStoreSubject } from "./window-store.js";

/** Kinds with different slices and from how many members on they are hot. */
const kinds = [bruteForce.facts, hostSweep.facts, suspiciousPort.facts];
const subjects = ["\x0a\0\0\x09", "\x0a\0\0\x09\0\x16\x06", ""];
const spanMs = 2 * 3_600_000;
const sensorsMax = 4;

const anyFact: fc.Arbitrary<FactObservation> = fc.record({
  kind: fc.constantFrom(...kinds),
  subject: fc.constantFrom(...subjects),
  member: fc.constantFrom("", "a", "b", "\0\xff", "\xff".repeat(255)),
  timeMs: fc.integer({ min: midnightMs - spanMs, max: midnightMs + spanMs - 1 }),
  value: fc.constantFrom(0, 1, 7.5, 2 ** 53 - 1),
  sensor: fc.constantFrom(0, 1, 7, 0x7fffffff, 0x80000000, 0xffffffff),
});
const anyFacts = fc.array(anyFact, { maxLength: 24 });

/** The suite of the facts of every window store. */
export function factWindowsConformance(name: string, subject: () => WindowStoreSubject): void {
  describe(`${name} as a store of facts`, () => {
    test("any order, repetition, grouping and replica gives the same facts", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyFacts, { maxLength: 5 }), fc.nat(), async (batches, seed) => {
          const stores = await subject().open(2);
          const merges = [...batches, ...batches.filter((_, index) => (seed >>> index) & 1)];
          const order = merges.map((_, index) => merges[(index * 7 + seed) % merges.length]);
          await Promise.all(order.map((facts, index) => stores[(seed >>> index) & 1].merge(only({ facts }))));
          for (const store of stores) await expectFacts(store, order.flat());
        }),
        { numRuns: Math.ceil(subject().runs / 2) },
      );
    });

    test("fact by fact, backwards and twice gives what one piece gives", async () => {
      await fc.assert(
        fc.asyncProperty(anyFacts, async (facts) => {
          const [store] = await subject().open(1);
          for (const fact of [...facts, ...facts].reverse()) await store.merge(only({ facts: [fact] }));
          await expectFacts(store, facts);
        }),
        { numRuns: Math.ceil(subject().runs / 4) },
      );
    });

    test("members over the cap are refused, counted and told once each", async () => {
      const [store] = await subject().open(1);
      const kind = suspiciousPort.facts;
      const facts = Array.from({ length: kind.membersMax + 40 }, (_, index) => factOf(kind, String(index)));
      await store.merge(only({ facts }));
      await store.merge(only({ facts }));
      const [window] = await store.readFacts(kind, subjects[0], sliceOf(kind), sliceOf(kind));
      expect(window.members).toHaveLength(kind.membersMax);
      expect(window.refused).toBe(40);
      expect(store.counters.factsRefused).toBeGreaterThanOrEqual(40);
    });

    test("a subject is hot from enough members, whoever saw them", async () => {
      const [store] = await subject().open(1);
      const kind = bruteForce.facts;
      const hot = { kind: "facts", facts: kind, subject: subjects[0], slice: sliceOf(kind) };
      expect(await store.merge(only({ facts: [factOf(kind, "a"), factOf(kind, "a")] }))).toEqual([]);
      expect(await store.merge(only({ facts: [factOf(kind, "b")] }))).toContainEqual(hot);
      const endMs = midnightMs + kind.sliceMs;
      expect(await store.readHot(partitionOf(subjects[0]), endMs - 1, endMs)).toEqual([hot]);
    });
  });
}

function factOf(kind: FactKind, member: string): FactObservation {
  return { kind, subject: subjects[0], member, timeMs: midnightMs, value: 1, sensor: 1 };
}

function sliceOf(kind: FactKind, timeMs: number = midnightMs): number {
  return Math.floor(timeMs / kind.sliceMs);
}

/** Everything that can be read equals what plain sets, minima and maxima give. */
async function expectFacts(store: WindowStore, facts: readonly FactObservation[]): Promise<void> {
  for (const kind of kinds) {
    const [from, to] = [sliceOf(kind, midnightMs - spanMs), sliceOf(kind, midnightMs + spanMs)];
    for (const subject of subjects) {
      const about = facts.filter((fact) => fact.kind === kind && fact.subject === subject);
      const windows = await store.readFacts(kind, subject, from, to);
      expect(windows.map(({ slice }) => slice)).toEqual(Array.from(windows, (_, index) => from + index));
      expect(windows).toHaveLength(to - from + 1);
      for (const window of windows) {
        const here = about.filter(({ timeMs }) => sliceOf(kind, timeMs) === window.slice);
        expect(window.refused).toBe(0);
        expect(byName(window.members)).toEqual(membersOf(here));
        const times = window.members.map(({ firstMs }) => firstMs);
        expect(times).toEqual(times.toSorted((a, b) => a - b));
      }
    }
  }
}

function membersOf(facts: readonly FactObservation[]): FactMember[] {
  const names = [...new Set(facts.map(({ member }) => member))];
  return byName(
    names.map((member) => {
      const same = facts.filter((fact) => fact.member === member);
      const sensors = [...new Set(same.map(({ sensor }) => sensor))].sort((a, b) => a - b);
      return {
        member,
        firstMs: Math.min(...same.map(({ timeMs }) => timeMs)),
        lastMs: Math.max(...same.map(({ timeMs }) => timeMs)),
        value: Math.max(...same.map(({ value }) => value)),
        sensors: sensors.slice(0, sensorsMax),
      };
    }),
  );
}

function byName(members: readonly FactMember[]): FactMember[] {
  return [...members].sort((a, b) => (a.member < b.member ? -1 : 1));
}
