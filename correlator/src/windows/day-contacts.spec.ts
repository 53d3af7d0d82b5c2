import { Outcome } from "@picket/proto/batch/flow-columns.js";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contactKey } from "./contact-key.js";
import { DayContacts } from "./day-contacts.js";
import { dayMs, type Contact, type ContactObservation } from "./window-store.js";

const day = 20_000;
const addresses = [
  "\n\0\0\x01",
  "\n\0\0\x02",
  "\xff\xff\xff\xff",
  "\0\0\0\0",
  "12345678",
  "abcdefghijklmnop",
];

const observation: fc.Arbitrary<ContactObservation> = fc.record({
  source: fc.oneof(
    fc.constantFrom(...addresses),
    fc.integer({ min: 0, max: 3000 }).map((n) => `\x0b\x01${String.fromCharCode(n >>> 8, n & 0xff)}`),
  ),
  destination: fc.constantFrom(...addresses),
  protocol: fc.constantFrom(1, 6, 17, 255),
  port: fc.constantFrom(0, 22, 443, 65_535),
  timeMs: fc.integer({ min: day * dayMs, max: (day + 1) * dayMs - 1 }),
  outcome: fc.integer({ min: 0, max: Outcome.answered }),
  stealth: fc.integer({ min: 0, max: 5 }),
  sensor: fc.constantFrom(1, 7, 0xffffffff, 0x80000000, 12, 13),
  crowds: fc.constant(0),
  traits: fc.integer({ min: 0, max: 7 }),
  fingerprint: fc.constant(0),
});

function merged(known: Contact | undefined, from: ContactObservation): Contact {
  const { destination, protocol, port } = from;
  const sensors = [...new Set([...(known?.sensors ?? []), from.sensor])].sort((a, b) => a - b).slice(0, 4);
  return {
    destination,
    protocol,
    port,
    firstMs: Math.min(known?.firstMs ?? Infinity, from.timeMs),
    outcome: Math.max(known?.outcome ?? 0, from.outcome),
    stealth: Math.max(known?.stealth ?? 0, from.stealth),
    traits: (known?.traits ?? 0) | from.traits,
    sensors,
  };
}

function merge(contacts: DayContacts, from: ContactObservation, isAnswered: boolean): void {
  const known = contacts.find(from.source);
  const source = known < 0 ? contacts.add(from.source) : known;
  const row = contacts.findContact(source, from, isAnswered);
  if (row < 0) contacts.addContact(source, from, isAnswered);
  else contacts.mergeContact(row, from);
}

function read(contacts: DayContacts, source: string, isAnswered: boolean): Contact[] {
  const found: Contact[] = [];
  const number = contacts.find(source);
  if (number < 0) return found;
  for (let row = contacts.lastContact(number, isAnswered); row >= 0; row = contacts.contactBefore(row))
    found.push(contacts.contact(row));
  return found;
}

function inOrder(found: readonly Contact[]): Contact[] {
  return [...found].sort((a, b) => (contactKey(a) < contactKey(b) ? -1 : 1));
}

describe("DayContacts", () => {
  it("holds what a map of maps holds", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(observation, fc.boolean()), { maxLength: 2500 }),
        fc.integer(),
        (all, seed) => {
          const contacts = new DayContacts(day, seed);
          const model = new Map<string, Map<string, Contact>>();
          for (const [from, isAnswered] of all) {
            merge(contacts, from, isAnswered);
            const side = `${from.source}|${isAnswered}`;
            const known = model.get(side) ?? new Map<string, Contact>();
            known.set(contactKey(from), merged(known.get(contactKey(from)), from));
            model.set(side, known);
          }
          for (const [{ source }] of all)
            for (const isAnswered of [false, true]) {
              const expected = inOrder([...(model.get(`${source}|${isAnswered}`)?.values() ?? [])]);
              expect(inOrder(read(contacts, source, isAnswered))).toEqual(expected);
              const number = contacts.find(source);
              const count = isAnswered ? contacts.answeredCount(number) : contacts.failedCount(number);
              expect(count).toBe(expected.length);
            }
        },
      ),
      { numRuns: 15 },
    );
  });

  it("gives the place of a source to another, and finds neither it nor its contacts any more", () => {
    const contacts = new DayContacts(day, 9);
    const [one] = fc.sample(observation, { numRuns: 1, seed: 4 });
    const named = (source: string, port: number): ContactObservation => ({ ...one, source, port });
    for (let index = 0; index < 3000; index++) merge(contacts, named(`s${index}`, index), index % 2 === 0);
    for (let index = 0; index < 3000; index += 3) contacts.replace(index, `t${index}`);
    for (let index = 0; index < 3000; index++) {
      const isGone = index % 3 === 0;
      expect(contacts.find(`s${index}`)).toBe(isGone ? -1 : index);
      expect(read(contacts, `s${index}`, index % 2 === 0)).toHaveLength(isGone ? 0 : 1);
      if (isGone) expect([contacts.find(`t${index}`), contacts.failedCount(index)]).toEqual([index, 0]);
    }
    for (let index = 0; index < 3000; index += 3) merge(contacts, named(`t${index}`, 1), false);
    expect(read(contacts, "t2997", false)).toHaveLength(1);
    expect(contacts.size).toBe(3000);
  });

  it("counts a change of a source as one, and what changes nothing as none", () => {
    const contacts = new DayContacts(day, 1);
    const [one] = fc.sample(observation, { numRuns: 1, seed: 4 });
    const versions = [one, one, { ...one, sensor: 99 }, { ...one, port: 1 }].map((from) => {
      merge(contacts, from, false);
      return contacts.version(contacts.find(one.source));
    });
    expect(new Set(versions).size).toBe(3);
    expect(versions[0]).toBe(versions[1]);
  });
});
