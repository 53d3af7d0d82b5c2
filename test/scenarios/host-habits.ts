import { SeededRandom } from "./seeded-random.js";

/** New flows a minute of an ordinary host, as measured on real ones. */
export const hostFlowsPerMinute = { min: 15, max: 35 } as const;
/** Share of a host's flows that are answered, as measured on real ones. */
export const hostAnsweredShare = { min: 0.92, max: 0.99 } as const;
/** Of a host's flows, those that fail by themselves; lost races of connections come on top. */
const failedShare = { min: 0.005, max: 0.065 } as const;

/** Places on the web that everybody visits, by popularity. */
export const webPlaces = 2000;
/** Places that no longer answer and that pages still name. */
export const deadWebPlaces = 40;
/** Inside services without a sensor: one port each. */
export const insideServices = 40;

/** What one host does all day. */
export interface HostHabits {
  readonly flowsPerMinute: number;
  readonly failedShare: number;
  /** Numbers of its few inside services, of `insideServices`. */
  readonly services: readonly number[];
  /** Numbers of the hosts it has shells on. */
  readonly shells: readonly number[];
  /** Numbers of the dead places its pages name, of `deadWebPlaces`. */
  readonly deadPlaces: readonly number[];
  /** Number of the inside server that died and that it keeps trying; undefined for most. */
  readonly deadServer: number | undefined;
}

/** Of every fifty hosts, so many still try a server that is gone. */
const deadServerClients = 3;
const deadServerGroup = 50;

/** The habits that a seed gives to host `index` of `hosts`. */
export function hostHabits(seed: number, index: number, hosts: number): HostHabits {
  const random = new SeededRandom(Math.imul(seed, 0x9e37_79b1) ^ Math.imul(index + 1, 0x85eb_ca6b));
  const some = (count: number, end: number): number[] =>
    Array.from({ length: count }, () => random.below(end));
  const { min, max } = hostFlowsPerMinute;
  return {
    flowsPerMinute: min + random.next() * (max - min),
    failedShare: failedShare.min + random.next() * (failedShare.max - failedShare.min),
    services: some(4, insideServices),
    shells: some(2, hosts),
    deadPlaces: some(2, deadWebPlaces),
    deadServer: index % deadServerGroup < deadServerClients ? Math.floor(index / deadServerGroup) : undefined,
  };
}
