import type { AddressKey } from "./address-key.js";
import type { SourceContacts } from "./source-contacts.js";
import type { FactKind, FactObservation, FactWindow } from "./fact-window.js";

/** Lengths of the slices of event time, milliseconds. */
export const contactSliceMs = 600_000;
export const startSliceMs = 5_000;
export const dayMs = 86_400_000;

/** Fixed partitions; a window lives in the one its own key hashes to. */
export const partitionCount = 64;

/** What one failed or answered contact adds; `sensor` is the hash of its name. */
export interface ContactObservation {
  readonly source: AddressKey;
  readonly destination: AddressKey;
  readonly protocol: number;
  /** ICMP: type * 256 + code. */
  readonly port: number;
  /** Event time of the contact, milliseconds. */
  readonly timeMs: number;
  /** Outcome lattice value; answered contacts have `Outcome.answered`. */
  readonly outcome: number;
  /** Stealth kind (0 none), merged by maximum. */
  readonly stealth: number;
  /** 32-bit hash of the sensor's name. */
  readonly sensor: number;
  /**
   * Crowds that a failed contact's source joins: bits of `crowdBit`. An answered
   * one joins none; its bit of `port` says as well that the destination is inside.
   */
  readonly crowds: number;
  /** Bits of `ContactTrait`, merged by OR. */
  readonly traits: number;
  /** Id of the SYN's fingerprint (32 bits) where it joins the crowd of it, else 0. */
  readonly fingerprint: number;
}

/**
 * Kinds of crowd: sources that failed at something in one slice.
 * service: one (destination, protocol, port). target: one destination.
 * port: one (protocol, port) over all inside destinations. prefix: the
 * sources of one /24 or /48. fingerprint: outside sources with equal SYNs.
 */
export const crowdKinds = ["service", "target", "port", "prefix", "fingerprint"] as const;
export type CrowdKind = (typeof crowdKinds)[number];

/** Identity of a crowd window: kind, key text and 10-minute slice number. */
export interface CrowdKey {
  readonly kind: CrowdKind;
  /**
   * Binary string: destination + port (2) + protocol (1); destination; port (2)
   * + protocol (1); prefix; id of the fingerprint (4).
   */
  readonly subject: string;
  /** floor(event time / contactSliceMs). */
  readonly slice: number;
}

/** Bit of each kind of crowd in `ContactObservation.crowds`. */
export const crowdBit: Readonly<Record<CrowdKind, number>> = {
  service: 1,
  target: 2,
  port: 4,
  prefix: 8,
  fingerprint: 16,
};

/** Sources that a crowd had in one slice that is closed. */
export interface CrowdCount extends CrowdKey {
  readonly count: number;
}

/** Which end of new flows a host was. */
export type StartDirection = "outbound" | "inbound";

/** Flows one batch saw starting at one host in one 5-second slice. */
export interface StartObservation {
  readonly host: AddressKey;
  readonly direction: StartDirection;
  /** floor(event time / startSliceMs). */
  readonly slice: number;
  /** Bit positions (0 to startBits - 1) of the flows' hashes, in any order, repeats allowed. */
  readonly positions: readonly number[];
}

/** Bits of the sketch that counts a host's new flows in one slice. */
export const startBits = 4096;

/** Everything one micro-batch adds. */
export interface Observations {
  readonly failed: readonly ContactObservation[];
  readonly answered: readonly ContactObservation[];
  readonly starts: readonly StartObservation[];
  readonly facts: readonly FactObservation[];
}

/** A window worth evaluating: it passed the count below which no detector fires. */
export type HotWindow =
  | { readonly kind: "source"; readonly source: AddressKey; readonly slice: number }
  | { readonly kind: "crowd"; readonly key: CrowdKey }
  | {
      readonly kind: "starts";
      readonly host: AddressKey;
      readonly direction: StartDirection;
      readonly slice: number;
    }
  | { readonly kind: "facts"; readonly facts: FactKind; readonly subject: string; readonly slice: number };

/** One contact of a source as all sensors saw it. */
export interface Contact {
  readonly destination: AddressKey;
  readonly protocol: number;
  readonly port: number;
  /** Earliest event time in this UTC day, milliseconds. */
  readonly firstMs: number;
  /** Highest outcome seen. */
  readonly outcome: number;
  readonly stealth: number;
  /** Bits of `ContactTrait`. */
  readonly traits: number;
  /** Hashes of up to four sensors that saw it, ascending (the smallest four). */
  readonly sensors: readonly number[];
}

/** A source's contacts of the UTC days asked for, in no particular order. */
export interface SourceWindow {
  readonly source: AddressKey;
  /** Failed contacts; the same contact may stand once a day. */
  readonly failed: readonly Contact[];
  /** Answered contacts; the same contact may stand once a day. */
  readonly answered: readonly Contact[];
  /** Failed contacts that the cap refused (an estimate). */
  readonly refused: number;
}

/** What gave no sign of life on a UTC day and the day before. */
export interface Silence {
  /** The destination answered nothing, not even with a refusal, and started nothing. */
  readonly isAddressSilent: boolean;
  /** No inside address let a connection to the port begin. */
  readonly isPortSilent: boolean;
}

/** The sources of a crowd in one slice. */
export interface CrowdWindow {
  readonly key: CrowdKey;
  /** At most the cap, in no particular order. */
  readonly sources: readonly AddressKey[];
  /** Distinct sources, those the cap refused included (then an estimate). */
  readonly count: number;
  /** Of a port's crowd: the sources that it would have, had each of those at other ports chosen one of all ports at random. */
  readonly evenShare: number;
}

/** Caps of the windows; every refusal is counted. */
export interface WindowLimits {
  readonly contactsPerSourceMax: number;
  readonly sourcesPerCrowdMax: number;
}

export const defaultWindowLimits: WindowLimits = {
  contactsPerSourceMax: 1024,
  sourcesPerCrowdMax: 256,
};

/** Failed contacts of a source today from which it is hot. */
export const hotContactsMin = 4;
/** Sources of a crowd, in a slice and the one before together, from which it is hot in that slice. */
export const hotCrowdMin: Readonly<Record<CrowdKind, number>> = {
  service: 4,
  target: 3,
  port: 4,
  prefix: 3,
  fingerprint: 4,
};
/** Upper bound of new flows of a host in a slice from which it is hot. */
export const hotStartsMin = 20;

/** What a store counts of itself. */
export interface WindowStoreCounters {
  contactsRefused: number;
  crowdSourcesRefused: number;
  startsRefused: number;
  factsRefused: number;
}

export function newWindowCounters(): WindowStoreCounters {
  return { contactsRefused: 0, crowdSourcesRefused: 0, startsRefused: 0, factsRefused: 0 };
}

/**
 * The shared state of the correlation: idempotent, commutative, associative
 * merges only. Every method may be called by any number of correlators at once.
 * A contact is keyed by (source, UTC day, destination, port, protocol): time by
 * minimum, outcome and stealth by maximum, traits by OR, sensors by union of the smallest four.
 */
export interface WindowStore {
  readonly counters: WindowStoreCounters;
  /** Changes when what was merged may be gone (the server lost its data): callers drop what they remember as written. */
  readonly stateEpoch: number;
  /**
   * Merges a micro-batch. Resolves when the effect is durable in the store, with
   * the windows it touched that are hot; may name a window twice.
   */
  merge(observations: Observations): Promise<HotWindow[]>;
  /** Contacts of each source over the UTC days `fromDay` to `toDay` inclusive. */
  readSources(sources: readonly AddressKey[], fromDay: number, toDay: number): Promise<SourceWindow[]>;
  /** Distinct contacts of each source within its memory at `untilMs`; not to be changed. */
  readContacts(sources: readonly AddressKey[], untilMs: number): Promise<SourceContacts[]>;
  /** One window for each key, empty where nothing is known. */
  readCrowds(keys: readonly CrowdKey[]): Promise<CrowdWindow[]>;
  /** Sources per slice of one crowd's earlier slices, where it was hot: slice to count. */
  readCrowdHistory(key: CrowdKey): Promise<ReadonlyMap<number, number>>;
  /** True where (destination, protocol, port) answered anyone on that UTC day or the day before. */
  readServices(
    services: readonly { destination: AddressKey; protocol: number; port: number }[],
    day: number,
  ): Promise<boolean[]>;
  /**
   * How silent the ends of contacts with inside addresses are as of `untilMs`, the
   * end of a contact slice. Nothing is where less than 24 hours are known.
   */
  readSilences(
    contacts: readonly { destination: AddressKey; protocol: number; port: number }[],
    untilMs: number,
  ): Promise<Silence[]>;
  /**
   * Distinct new flows of a host for each slice from `fromSlice` to `toSlice`
   * inclusive, by linear counting over the union of the contributions' bits.
   */
  readStarts(
    host: AddressKey,
    direction: StartDirection,
    fromSlice: number,
    toSlice: number,
  ): Promise<Float64Array>;
  /** A subject's facts of the slices from `fromSlice` to `toSlice` inclusive, in order. */
  readFacts(kind: FactKind, subject: string, fromSlice: number, toSlice: number): Promise<FactWindow[]>;
  /**
   * Everything that ends at or before `closedMs` is closed in every partition:
   * what no detector reads any more may be forgotten.
   */
  forget(closedMs: number): void;
  /**
   * Hot windows of a partition whose slice ends after `afterMs` and at or before
   * `untilMs`. What is read stays: closing a slice twice changes nothing.
   */
  readHot(partition: number, afterMs: number, untilMs: number): Promise<HotWindow[]>;
  close(): Promise<void>;
}

/** Partition of a window by its own key: the source, the crowd's subject, or the host. */
export function partitionOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) % partitionCount;
}

/** End of the event time a hot window's slice covers, milliseconds. */
export function sliceEndMs(hot: HotWindow): number {
  if (hot.kind === "source") return (hot.slice + 1) * contactSliceMs;
  if (hot.kind === "crowd") return (hot.key.slice + 1) * contactSliceMs;
  if (hot.kind === "facts") return (hot.slice + 1) * hot.facts.sliceMs;
  return (hot.slice + 1) * startSliceMs;
}

/** Key by which a hot window is placed in a partition. */
export function hotWindowKey(hot: HotWindow): string {
  if (hot.kind === "source") return hot.source;
  if (hot.kind === "crowd") return hot.key.subject;
  if (hot.kind === "facts") return hot.subject;
  return hot.host;
}
