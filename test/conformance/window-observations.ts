import {
  contactSliceMs,
  dayMs,
  startSliceMs,
  type ContactObservation,
  type Observations,
  type StartDirection,
  type StartObservation,
} from "@picket/correlator/windows/window-store.js";
import * as fc from "fast-check";

/** A midnight (UTC), around which everything here happens. */
export const midnightMs = 20_000 * dayMs;

/** An address key from its bytes. */
export function address(...bytes: number[]): string {
  return String.fromCharCode(...bytes);
}

/** IPv4, an outside IPv6 /64 whose bytes read as a number, and a whole IPv6 address with zeros. */
export const sources = [
  address(10, 0, 0, 1),
  address(255, 255, 255, 255),
  address(0, 0, 0, 0),
  address(203, 0, 113, 7),
  "12345678",
  address(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
];
export const destinations = [address(10, 0, 0, 9), address(10, 0, 0, 10), address(...Array(15).fill(0), 255)];

/** Observations with nothing in them but what is given. */
export function only(some: Partial<Observations>): Observations {
  return { failed: [], answered: [], starts: [], facts: [], ...some };
}

/** A refused TCP contact of the first source, with what matters replaced. */
export function contact(some: Partial<ContactObservation>): ContactObservation {
  return {
    source: sources[0],
    destination: destinations[0],
    protocol: 6,
    port: 22,
    timeMs: midnightMs + 1_000,
    outcome: 3,
    stealth: 0,
    sensor: 1,
    crowds: 0,
    traits: 0,
    fingerprint: 0,
    ...some,
  };
}

/** An IPv4 source by number. */
export function sourceNumber(index: number): string {
  return address(198, 18 + (index >>> 16), (index >>> 8) & 0xff, index & 0xff);
}

const timeMs = fc.integer({ min: midnightMs - 3 * contactSliceMs, max: midnightMs + 3 * contactSliceMs - 1 });

const anyContact: fc.Arbitrary<ContactObservation> = fc.record({
  source: fc.constantFrom(...sources),
  destination: fc.constantFrom(...destinations),
  protocol: fc.constantFrom(6, 17),
  port: fc.constantFrom(0, 22, 0x0d0a, 65_535),
  timeMs,
  outcome: fc.integer({ min: 1, max: 5 }),
  stealth: fc.integer({ min: 0, max: 4 }),
  sensor: fc.constantFrom(0, 1, 7, 0x7fffffff, 0x80000000, 0xffffffff),
  crowds: fc.integer({ min: 0, max: 31 }),
  traits: fc.integer({ min: 0, max: 7 }),
  fingerprint: fc.constantFrom(1, 0x80000001, 0xffffffff),
});

const anyStart: fc.Arbitrary<StartObservation> = fc
  .record({
    host: fc.constantFrom(...destinations),
    direction: fc.constantFrom<StartDirection>("outbound", "inbound"),
    slice: fc.integer({ min: 0, max: 19 }).map((back) => Math.floor(midnightMs / startSliceMs) + 10 - back),
    first: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ first, ...start }) => ({ ...start, positions: positionsFrom(first * 31 + start.slice) }));

function positionsFrom(first: number): number[] {
  return Array.from({ length: 9 }, (_, index) => (first * (index + 1)) % 4096)
    .filter((position, index, all) => all.indexOf(position) === index)
    .sort((a, b) => a - b);
}

/** A micro-batch of anything. */
export const anyObservations: fc.Arbitrary<Observations> = fc.record({
  failed: fc.array(anyContact, { maxLength: 12 }),
  answered: fc.array(anyContact, { maxLength: 6 }),
  starts: fc.array(anyStart, { maxLength: 6 }),
  facts: fc.constant([]),
});
