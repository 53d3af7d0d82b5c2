import type { AddressKey } from "../windows/address-key.js";
import type { FactWindow } from "../windows/fact-window.js";
import { activityOf, servedOf } from "./host-facts.js";

/** What a day counts against the day after it. */
const decayPerDay = 0.9;
const servicesMax = 16;
const usesMax = 16;
const peersMax = 32;
/** Below this weight an entry is forgotten: seen once, four weeks ago. */
const entryWeightMin = 0.05;

/** Something a host does on some of its days. */
export interface Habit {
  /** Share of its days, the later ones counting more; 0 to 1. */
  readonly share: number;
  /** Last UTC day, days since the Unix epoch. */
  readonly lastDay: number;
}

/** A service by its `portKey`. */
export interface ServiceHabit extends Habit {
  readonly service: string;
  /** Clients on the last day, at least; 0 for a service that is used, not served. */
  readonly clients: number;
}

export interface PeerHabit extends Habit {
  readonly address: AddressKey;
}

/**
 * What is usual for one inside host: a fold over its days in order, of a few
 * hundred bytes. Days on which it said nothing do not count, and what is older
 * counts less.
 */
export interface HostProfile {
  /** UTC days, days since the Unix epoch. */
  readonly firstDay: number;
  readonly lastDay: number;
  /** Days on which it was active. */
  readonly days: number;
  /** Sum of the days' weights. */
  readonly weight: number;
  /** Inside hosts that answered it over TCP. */
  readonly peersPerDay: number;
  readonly sentBytesPerDay: number;
  readonly receivedBytesPerDay: number;
  /** Share of its days on which it was active in each UTC hour; 24. */
  readonly hours: readonly number[];
  /** The most usual ones first. */
  readonly services: readonly ServiceHabit[];
  readonly uses: readonly ServiceHabit[];
  readonly peers: readonly PeerHabit[];
}

/** One UTC day of a host. */
export interface HostDay {
  readonly day: number;
  readonly peers: FactWindow;
  readonly services: FactWindow;
  readonly activity: FactWindow;
}

/** The profile with one more day, which must be later than those in it. Pure. */
export function foldDay(profile: HostProfile | undefined, { day, ...facts }: HostDay): HostProfile {
  const decayed = profile === undefined ? 0 : profile.weight * decayPerDay ** (day - profile.lastDay);
  const blend = new Blend(decayed, day);
  const activity = activityOf(facts.activity);
  const served = servedOf(facts.services).map(({ service, clients }) => ({ service, clients }));
  const used = activity.uses.map((service) => ({ service, clients: 0 }));
  const peers = facts.peers.members.map(({ member }) => ({ address: member }));
  return {
    firstDay: profile?.firstDay ?? day,
    lastDay: day,
    days: (profile?.days ?? 0) + 1,
    weight: round(decayed + 1),
    peersPerDay: blend.mean(profile?.peersPerDay, peers.length + facts.peers.refused),
    sentBytesPerDay: Math.round(blend.mean(profile?.sentBytesPerDay, activity.sentBytes)),
    receivedBytesPerDay: Math.round(blend.mean(profile?.receivedBytesPerDay, activity.receivedBytes)),
    hours: Array.from({ length: 24 }, (_, hour) =>
      blend.mean(profile?.hours[hour], activity.hours.has(hour) ? 1 : 0),
    ),
    services: blend.habits(profile?.services, served, ({ service }) => service, servicesMax),
    uses: blend.habits(profile?.uses, used, ({ service }) => service, usesMax),
    peers: blend.habits(profile?.peers, peers, ({ address }) => address, peersMax),
  };
}

/** Means over days, with those before weighing what is left of them and the new one 1. */
class Blend {
  constructor(
    private readonly weightBefore: number,
    private readonly day: number,
  ) {}

  mean(before: number | undefined, today: number): number {
    return round(((before ?? 0) * this.weightBefore + today) / (this.weightBefore + 1));
  }

  /** The most usual ones, today's with a share of the new day; the rest is forgotten. */
  habits<T extends object>(
    before: readonly (T & Habit)[] | undefined,
    today: readonly T[],
    keyOf: (entry: T) => string,
    countMax: number,
  ): (T & Habit)[] {
    const habits = new Map<string, T & Habit>();
    for (const habit of before ?? [])
      habits.set(keyOf(habit), { ...habit, share: this.mean(habit.share, 0) });
    for (const entry of today) {
      const share = (habits.get(keyOf(entry))?.share ?? 0) + 1 / (this.weightBefore + 1);
      habits.set(keyOf(entry), { ...entry, share: round(Math.min(1, share)), lastDay: this.day });
    }
    return [...habits.values()]
      .filter(({ share }) => share * (this.weightBefore + 1) >= entryWeightMin)
      .sort((a, b) => b.share - a.share || b.lastDay - a.lastDay || (keyOf(a) < keyOf(b) ? -1 : 1))
      .slice(0, countMax);
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
