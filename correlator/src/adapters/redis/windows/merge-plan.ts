import type { AddressKey } from "../../../windows/address-key.js";
import { contactKey } from "../../../windows/contact-key.js";
import {
  contactSliceMs,
  dayMs,
  partitionCount,
  partitionOf,
  type ContactObservation,
  type CrowdKind,
  type Observations,
  type StartObservation,
} from "../../../windows/window-store.js";
import { crowdTtls, dayTtls, freshTtls, kindLetter, subjectHash, type CallTtls } from "./window-keys.js";

/** Entries of one item; what comes after them makes another item. */
const entriesPerItemMax = 4096;

/** One contact as the whole micro-batch saw it. */
export interface MergedContact {
  /** Destination, port and protocol. */
  readonly key: string;
  timeMs: number;
  outcome: number;
  stealth: number;
  /** At most four, ascending. */
  sensors: number[];
}

/** Contacts of one source and UTC day. */
export interface ContactsItem {
  readonly type: "contacts";
  readonly isFailed: boolean;
  readonly source: AddressKey;
  /** `subjectHash` of the source. */
  readonly hashed: number;
  readonly day: number;
  readonly contacts: MergedContact[];
  /** The same by key, once there are two. */
  index?: Map<string, MergedContact>;
  /** Send all keys, because more than the shared bucket is needed. */
  isLong: boolean;
}

/** Sources of one crowd. */
export interface CrowdItem {
  readonly type: "crowd";
  readonly kind: CrowdKind;
  readonly subject: string;
  readonly slice: number;
  /** `subjectHash` of the subject. */
  readonly hashed: number;
  readonly sources: AddressKey[];
  /** The same, once there are two. */
  index?: Set<AddressKey>;
  isLong: boolean;
}

/** One batch's new flows of a host in a slice. */
export interface StartItem {
  readonly type: "start";
  readonly start: StartObservation;
}

/** A service that answered. */
export interface ServiceItem {
  readonly type: "service";
  readonly destination: AddressKey;
  readonly service: string;
  readonly day: number;
}

export type MergeItem = ContactsItem | CrowdItem | StartItem | ServiceItem;

/**
 * What is known of windows that have left their shared bucket; only a hint that
 * saves a round trip, so that a hash stands for the window.
 */
export class GrownWindows {
  private current = new Set<number>();
  private previous = new Set<number>();

  constructor(private readonly entriesMax = 131_072) {}

  has(hash: number): boolean {
    return this.current.has(hash) || this.previous.has(hash);
  }

  add(hash: number): void {
    if (this.current.size >= this.entriesMax) {
      this.previous = this.current;
      this.current = new Set();
    }
    this.current.add(hash);
  }

  clear(): void {
    this.current.clear();
    this.previous.clear();
  }
}

/** Hash of an item among the grown windows, 30 bits. */
export function grownHash(item: ContactsItem | CrowdItem): number {
  const [time, kind] =
    item.type === "crowd"
      ? [item.slice, kindLetter[item.kind].charCodeAt(0)]
      : [item.day, item.isFailed ? 1 : 2];
  return (item.hashed ^ Math.imul(time * 256 + kind, 0x9e3779b1)) >>> 2;
}

/** A micro-batch's observations as items, one list for each partition. */
export function planMerge(observations: Observations, grown: GrownWindows): MergeItem[][] {
  const partitions: MergeItem[][] = Array.from({ length: partitionCount }, () => []);
  planContacts(observations.failed, true, partitions, grown);
  planContacts(observations.answered, false, partitions, grown);
  planCrowds(observations, partitions, grown);
  planServices(observations.answered, partitions);
  for (const start of observations.starts) partitions[partitionOf(start.host)].push({ type: "start", start });
  return partitions;
}

function planContacts(
  contacts: readonly ContactObservation[],
  isFailed: boolean,
  partitions: MergeItem[][],
  grown: GrownWindows,
): void {
  const days = new Map<number, Map<AddressKey, ContactsItem>>();
  for (const contact of contacts) {
    const day = Math.floor(contact.timeMs / dayMs);
    const sources = entryOf(days, day, newItems<ContactsItem>);
    const known = sources.get(contact.source);
    if (known !== undefined && known.contacts.length < entriesPerItemMax) {
      addContact(known, contact);
      continue;
    }
    const { source } = contact;
    const item: ContactsItem = {
      type: "contacts",
      isFailed,
      source,
      hashed: subjectHash(source),
      day,
      contacts: [mergedContact(contact)],
      isLong: false,
    };
    item.isLong = grown.has(grownHash(item));
    sources.set(source, item);
    partitions[partitionOf(source)].push(item);
  }
}

function addContact(item: ContactsItem, contact: ContactObservation): void {
  item.index ??= new Map([[item.contacts[0].key, item.contacts[0]]]);
  const known = item.index.get(contactKey(contact));
  if (known !== undefined) {
    uniteContact(known, contact);
    return;
  }
  const merged = mergedContact(contact);
  item.index.set(merged.key, merged);
  item.contacts.push(merged);
  item.isLong = true;
}

function mergedContact(contact: ContactObservation): MergedContact {
  const { timeMs, outcome, stealth, sensor } = contact;
  return { key: contactKey(contact), timeMs, outcome, stealth, sensors: [sensor] };
}

function uniteContact(known: MergedContact, contact: ContactObservation): void {
  known.timeMs = Math.min(known.timeMs, contact.timeMs);
  known.outcome = Math.max(known.outcome, contact.outcome);
  known.stealth = Math.max(known.stealth, contact.stealth);
  if (!known.sensors.includes(contact.sensor))
    known.sensors = [...known.sensors, contact.sensor].sort((a, b) => a - b).slice(0, 4);
}

function planCrowds(observations: Observations, partitions: MergeItem[][], grown: GrownWindows): void {
  const slices = new Map<number, Record<CrowdKind, Map<string, CrowdItem>>>();
  for (const { kind, subject, slice, source } of observations.crowds) {
    const crowds = entryOf(slices, slice, newCrowds)[kind];
    const known = crowds.get(subject);
    if (known === undefined || known.sources.length >= entriesPerItemMax) {
      const item: CrowdItem = {
        type: "crowd",
        kind,
        subject,
        slice,
        hashed: subjectHash(subject),
        sources: [source],
        isLong: false,
      };
      item.isLong = grown.has(grownHash(item));
      crowds.set(subject, item);
      partitions[partitionOf(subject)].push(item);
    } else addSource(known, source);
  }
}

function addSource(item: CrowdItem, source: AddressKey): void {
  item.index ??= new Set(item.sources);
  if (item.index.has(source)) return;
  item.index.add(source);
  item.sources.push(source);
  item.isLong = true;
}

function planServices(answered: readonly ContactObservation[], partitions: MergeItem[][]): void {
  const days = new Map<number, Set<string>>();
  for (const contact of answered) {
    const day = Math.floor(contact.timeMs / dayMs);
    const services = entryOf(days, day, newServices);
    const service = contactKey(contact);
    if (services.has(service)) continue;
    services.add(service);
    const { destination } = contact;
    partitions[partitionOf(destination)].push({ type: "service", destination, service, day });
  }
}

function newItems<T>(): Map<AddressKey, T> {
  return new Map();
}

function newServices(): Set<string> {
  return new Set();
}

function newCrowds(): Record<CrowdKind, Map<string, CrowdItem>> {
  return { service: new Map(), target: new Map(), port: new Map(), prefix: new Map() };
}

function entryOf<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = create()));
  return value;
}

/** Slices of event time that the contacts fall into, each once. */
export function slicesOf(contacts: readonly MergedContact[]): Set<number> {
  return new Set(contacts.map((contact) => Math.floor(contact.timeMs / contactSliceMs)));
}

/** Items whose keys live equally long; nearly always that is one group. */
export function groupByTtls(
  items: readonly MergeItem[],
  nowMs: number,
): Iterable<{ readonly ttls: CallTtls; readonly items: readonly MergeItem[] }> {
  const groups = new Map<CallTtls, { readonly ttls: CallTtls; readonly items: MergeItem[] }>();
  const ages = new Map<number, CallTtls>();
  for (const item of items) {
    const age = item.type === "start" ? 0 : item.type === "crowd" ? -item.slice : item.day;
    let ttls = ages.get(age);
    if (ttls === undefined) ages.set(age, (ttls = ttlsOf(item, nowMs)));
    const group = groups.get(ttls);
    if (group === undefined) groups.set(ttls, { ttls, items: [item] });
    else group.items.push(item);
  }
  return groups.values();
}

function ttlsOf(item: MergeItem, nowMs: number): CallTtls {
  if (item.type === "crowd") return crowdTtls(item.slice, nowMs);
  return item.type === "start" ? freshTtls : dayTtls(item.day, nowMs);
}

/** Cuts items into lists that keep one script call short. */
export function cutItems(items: readonly MergeItem[], weightMax: number): MergeItem[][] {
  const lists: MergeItem[][] = [];
  let list: MergeItem[] = [];
  let weight = 0;
  for (const item of items) {
    if (weight >= weightMax) {
      lists.push(list);
      list = [];
      weight = 0;
    }
    list.push(item);
    weight += weightOf(item);
  }
  if (list.length > 0) lists.push(list);
  return lists;
}

function weightOf(item: MergeItem): number {
  if (item.type === "contacts") return item.contacts.length;
  return item.type === "crowd" ? item.sources.length : 1;
}
