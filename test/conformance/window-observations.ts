import {
  contactSliceMs,
  dayMs,
  startSliceMs,
  type ContactObservation,
  type CrowdKind,
  type CrowdObservation,
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
  return { failed: [], answered: [], crowds: [], starts: [], facts: [], ...some };
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
});

const ipv4Source = fc.oneof(
  fc.constantFrom(...sources.filter(({ length }) => length === 4)),
  fc.integer({ min: 0, max: 40 }).map(sourceNumber),
);
const ipv6Source = fc.constantFrom(...sources.filter(({ length }) => length > 4));
const someSlice = timeMs.map((ms) => Math.floor(ms / contactSliceMs));

/** Crowds as packets make them: only a port's crowd has sources of both kinds. */
const anyCrowd: fc.Arbitrary<CrowdObservation> = fc.oneof(
  crowdOf("service", [destinations[0] + "\0\x16\x06", "\xff\xfe\r\n\0\0\x11"], ipv4Source),
  crowdOf("service", [destinations[2] + "\0\x16\x06"], ipv6Source),
  crowdOf("target", [destinations[0], "\xff\xfe\r\n"], ipv4Source),
  crowdOf("target", [destinations[2]], ipv6Source),
  crowdOf("port", ["\0\0\0", "\0\x16\x06"], fc.oneof(ipv4Source, ipv6Source)),
  crowdOf("prefix", ["\0\0\0", "\xc6\x12\0"], ipv4Source),
  crowdOf("prefix", ["\x20\x01\x0d\xb8\0\0"], ipv6Source),
);

function crowdOf(
  kind: CrowdKind,
  subjects: readonly string[],
  source: fc.Arbitrary<string>,
): fc.Arbitrary<CrowdObservation> {
  return fc.record({
    kind: fc.constant(kind),
    subject: fc.constantFrom(...subjects),
    slice: someSlice,
    source,
  });
}

const anyStart: fc.Arbitrary<StartObservation> = fc
  .record({
    host: fc.constantFrom(...destinations),
    direction: fc.constantFrom<StartDirection>("outbound", "inbound"),
    slice: fc.integer({ min: 0, max: 19 }).map((back) => Math.floor(midnightMs / startSliceMs) + 10 - back),
    contribution: fc.constantFrom("a\0b", "a\0c", "\xff".repeat(40)),
  })
  .map((start) => ({ ...start, positions: positionsOf(start) }));

/** The same contribution always says the same. */
function positionsOf(start: Omit<StartObservation, "positions">): number[] {
  const first = start.contribution.length * 31 + start.slice + (start.direction === "inbound" ? 7 : 0);
  return Array.from({ length: 9 }, (_, index) => (first * (index + 1)) % 4096)
    .filter((position, index, all) => all.indexOf(position) === index)
    .sort((a, b) => a - b);
}

/** A micro-batch of anything. */
export const anyObservations: fc.Arbitrary<Observations> = fc.record({
  failed: fc.array(anyContact, { maxLength: 12 }),
  answered: fc.array(anyContact, { maxLength: 6 }),
  crowds: fc.array(anyCrowd, { maxLength: 20 }),
  starts: fc.array(anyStart, { maxLength: 6 }),
  facts: fc.constant([]),
});
