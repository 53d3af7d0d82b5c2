import {
  contactSliceMs,
  crowdBit,
  dayMs,
  type Observations,
  type Silence,
  type WindowStore,
} from "@picket/correlator/windows/window-store.js";
import { Outcome } from "@picket/proto/batch/flow-columns.js";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyObservations, address, contact, destinations, midnightMs, only } from "./window-observations.js";
import type { WindowStoreSubject } from "./window-store.js";

const fleetAnswer = contact({
  destination: address(10, 0, 0, 200),
  port: 4000,
  timeMs: midnightMs - dayMs,
  outcome: Outcome.answered,
  crowds: crowdBit.port,
});
const addresses = [...destinations, address(10, 0, 0, 1)];
const asked = addresses.flatMap((destination) =>
  [0, 22, 4000].map((port) => ({ destination, protocol: 6, port })),
);
const untils = [-2, 0, 1, 2, 3].map((slices) => midnightMs + slices * contactSliceMs);

/** The suite of what is silent in every window store. */
export function silenceConformance(name: string, subject: () => WindowStoreSubject): void {
  describe(`${name} as what knows the silent`, () => {
    test("any order, repetition, grouping and replica gives the same silence", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyObservations, { maxLength: 3 }), fc.nat(), async (batches, seed) => {
          const stores = await subject().open(2);
          const all = [only({ answered: [fleetAnswer] }), ...batches];
          const merges = [...all, ...all.filter((_, index) => (seed >>> index) & 1)];
          const order = merges.map((_, index) => (index * 7 + seed) % merges.length);
          for (const at of [...order, ...all.keys()])
            await stores[(seed >>> at) & 1].merge(all[at % all.length]);
          for (const store of stores) {
            await store.readHot(0, 0, 0);
            await expectSilences(store, all);
          }
        }),
        { numRuns: Math.ceil(subject().runs / 2) },
      );
    });

    test("nothing is silent before a day is known", async () => {
      const [store] = await subject().open(1);
      await store.merge(
        only({ answered: [{ ...fleetAnswer, timeMs: midnightMs - dayMs + contactSliceMs }] }),
      );
      const [early] = await store.readSilences(asked, midnightMs + contactSliceMs);
      expect(early).toEqual({ isAddressSilent: false, isPortSilent: false });
      const [later] = await store.readSilences(asked, midnightMs + 2 * contactSliceMs);
      expect(later).toEqual({ isAddressSilent: true, isPortSilent: true });
    });
  });
}

async function expectSilences(store: WindowStore, merged: readonly Observations[]): Promise<void> {
  for (const untilMs of untils)
    expect(await store.readSilences(asked, untilMs)).toEqual(
      asked.map((one) => silence(one, merged, untilMs)),
    );
}

/** Written for clarity only. */
function silence(
  { destination, port, protocol }: (typeof asked)[number],
  merged: readonly Observations[],
  untilMs: number,
): Silence {
  if (untilMs <= midnightMs) return { isAddressSilent: false, isPortSilent: false };
  const contacts = merged
    .flatMap(({ failed, answered }) => [...failed, ...answered])
    .filter(({ timeMs }) => timeMs < untilMs);
  const signs = contacts.filter(
    ({ crowds, outcome }) => (crowds & crowdBit.port) !== 0 && outcome > Outcome.ignored,
  );
  const isAlive =
    signs.some((seen) => seen.destination === destination) ||
    contacts.some(({ source }) => source === destination);
  const isServed = signs.some(
    (seen) => seen.port === port && seen.protocol === protocol && seen.outcome >= Outcome.halfOpen,
  );
  return { isAddressSilent: !isAlive, isPortSilent: !isServed };
}
