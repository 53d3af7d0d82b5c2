import type { AddressKey } from "./address-key.js";
import { contactKey } from "./contact-key.js";
import { onlySensor, withSensor } from "./sensor-list.js";
import type { TouchedWindows } from "./touched-windows.js";
import { memoryDays, sourceContacts, type SourceContacts } from "./source-contacts.js";
import {
  contactSliceMs,
  dayMs,
  hotContactsMin,
  type Contact,
  type ContactObservation,
  type HotWindow,
  type SourceWindow,
  type WindowLimits,
  type WindowStoreCounters,
} from "./window-store.js";

/** Sources of one UTC day; beyond it those on probation (one failed contact) go first. */
const sourcesMax = 250_000;
/** Sources looked at when one has to go. */
const evictionScan = 32;
/** Answered contacts of a source kept for each failed one that is allowed. */
const answeredFactor = 8;
/** Refused contacts of one source that are told apart. */
const refusedMax = 8192;
/** Sources of which what was read is kept; beyond it all of it is forgotten. */
const readsMax = 16_384;

interface MutableContact {
  destination: AddressKey;
  protocol: number;
  port: number;
  firstMs: number;
  outcome: number;
  stealth: number;
  traits: number;
  sensors: readonly number[];
}

/** One source's UTC day. A source on probation is its first contact and nothing else. */
class SourceDay {
  first: MutableContact | undefined = undefined;
  isHot = false;
  failed: Map<string, MutableContact> | undefined = undefined;
  answered: Map<string, MutableContact> | undefined = undefined;
  refused: Set<string> | undefined = undefined;
  /** Slices in which it is hot. */
  windows: Map<number, HotWindow> | undefined = undefined;
  /** Merge and slice in which it was last told to be hot. */
  touchedIn = 0;
  touchedSlice = 0;
  /** Counts its changes. */
  version = 0;
  /** What was last read of it, for as long as nothing changes. */
  contacts: ReadContacts | undefined = undefined;

  get failedCount(): number {
    return (this.first === undefined ? 0 : 1) + (this.failed?.size ?? 0);
  }
}

/** Sources of one UTC day, in the order in which they came. */
class DaySources {
  private readonly sources = new Map<AddressKey, SourceDay>();
  private order: AddressKey[] = [];
  /** Place of the oldest in `order`. */
  private oldest = 0;

  get size(): number {
    return this.sources.size;
  }

  get(source: AddressKey): SourceDay | undefined {
    return this.sources.get(source);
  }

  all(): Iterable<SourceDay> {
    return this.sources.values();
  }

  create(source: AddressKey): SourceDay {
    const day = new SourceDay();
    this.sources.set(source, day);
    this.order.push(source);
    return day;
  }

  /** The lowest score goes: the oldest source on probation, else the oldest but those just spared. */
  evict(): void {
    for (let looked = 0; looked < evictionScan; looked++) {
      const source = this.order[this.oldest++];
      const day = this.sources.get(source);
      if (day !== undefined && day.failed === undefined && day.answered === undefined)
        return this.remove(source);
      this.order.push(source);
    }
    this.remove(this.order[this.oldest++]);
  }

  private remove(source: AddressKey): void {
    this.sources.delete(source);
    if (this.oldest * 2 < this.order.length) return;
    this.order = this.order.slice(this.oldest);
    this.oldest = 0;
  }
}

interface ReadContacts {
  readonly untilMs: number;
  readonly versions: number;
  readonly contacts: SourceContacts;
}

/** Contacts of each source by UTC day. */
export class SourceWindows {
  private readonly days = new Map<number, DaySources>();
  private reads = 0;

  constructor(
    private readonly limits: WindowLimits,
    private readonly counters: WindowStoreCounters,
  ) {}

  /**
   * Merges one failed contact; tells the slices in which the source is hot
   * because of it. A source that just became hot is so in the slice of every
   * contact it has, so that the order of arrival does not matter.
   */
  mergeFailed(contact: ContactObservation, touched: TouchedWindows): void {
    const day = Math.floor(contact.timeMs / dayMs);
    const name = contact.source;
    const source = this.source(name, day);
    source.version++;
    const isFirst = source.first === undefined;
    if (source.first === undefined) source.first = newContact(contact);
    else if (isSame(source.first, contact)) mergeContact(source.first, contact);
    else this.mergeMore((source.failed ??= new Map()), contactKey(contact), contact, source);
    if (isFirst) this.heatNext(name, day + 1, touched);
    if (source.isHot) touchSlice(source, name, sliceOf(contact.timeMs), touched);
    else if (source.failedCount >= hotContactsMin || this.failedOn(name, day - 1))
      heat(source, name, touched);
  }

  mergeAnswered(contact: ContactObservation): void {
    const source = this.source(contact.source, Math.floor(contact.timeMs / dayMs));
    source.version++;
    const answered = (source.answered ??= new Map());
    const key = contactKey(contact);
    const known = answered.get(key);
    if (known !== undefined) mergeContact(known, contact);
    else if (answered.size < this.limits.contactsPerSourceMax * answeredFactor)
      answered.set(key, newContact(contact));
    else this.counters.contactsRefused++;
  }

  /** True when the source failed at something on that day. */
  isKnown(source: AddressKey, day: number): boolean {
    return this.failedOn(source, day);
  }

  /** True when the source has so many contacts that day that one more is not even counted. */
  isFull(contact: ContactObservation): boolean {
    const source = this.days.get(Math.floor(contact.timeMs / dayMs))?.get(contact.source);
    if (source?.refused === undefined || source.refused.size < refusedMax) return false;
    return source.failed?.has(contactKey(contact)) !== true;
  }

  read(source: AddressKey, fromDay: number, toDay: number): SourceWindow {
    const failed: Contact[] = [];
    const answered: Contact[] = [];
    let refused = 0;
    for (let day = fromDay; day <= toDay; day++) {
      const found = this.days.get(day)?.get(source);
      if (found === undefined) continue;
      if (found.first !== undefined) failed.push(found.first);
      if (found.failed !== undefined) failed.push(...found.failed.values());
      if (found.answered !== undefined) answered.push(...found.answered.values());
      refused += found.refused?.size ?? 0;
    }
    return { source, failed, answered, refused };
  }

  /** The source's distinct contacts within its memory at `untilMs`; the same object while nothing changes. */
  readContacts(source: AddressKey, untilMs: number): SourceContacts {
    const { fromDay, toDay } = memoryDays(untilMs);
    const today = this.days.get(toDay)?.get(source);
    const versions = (today?.version ?? 0) + (this.days.get(fromDay)?.get(source)?.version ?? 0);
    const known = today?.contacts;
    if (known?.untilMs === untilMs && known.versions === versions) return known.contacts;
    const contacts = sourceContacts(this.read(source, fromDay, toDay), untilMs);
    if (today === undefined) return contacts;
    if (today.contacts === undefined && ++this.reads > readsMax) this.dropRead();
    today.contacts = { untilMs, versions, contacts };
    return contacts;
  }

  dropDaysBefore(day: number): void {
    for (const kept of this.days.keys()) if (kept < day) this.days.delete(kept);
  }

  /** What was read is worked out again when it is asked for. */
  dropRead(): void {
    this.reads = 0;
    for (const sources of this.days.values()) for (const source of sources.all()) source.contacts = undefined;
  }

  private heatNext(name: AddressKey, day: number, touched: TouchedWindows): void {
    const next = this.days.get(day)?.get(name);
    if (next?.first !== undefined && !next.isHot) heat(next, name, touched);
  }

  private mergeMore(
    failed: Map<string, MutableContact>,
    key: string,
    contact: ContactObservation,
    source: SourceDay,
  ): void {
    const known = failed.get(key);
    if (known !== undefined) mergeContact(known, contact);
    else if (failed.size + 1 < this.limits.contactsPerSourceMax) failed.set(key, newContact(contact));
    else this.refuse((source.refused ??= new Set()), key);
  }

  /** The refused are remembered only to count each once. */
  private refuse(refused: Set<string>, key: string): void {
    if (refused.size >= refusedMax || refused.has(key)) return;
    refused.add(key);
    this.counters.contactsRefused++;
  }

  private failedOn(source: AddressKey, day: number): boolean {
    return this.days.get(day)?.get(source)?.first !== undefined;
  }

  private source(address: AddressKey, day: number): SourceDay {
    let sources = this.days.get(day);
    if (sources === undefined) this.days.set(day, (sources = new DaySources()));
    const known = sources.get(address);
    if (known !== undefined) return known;
    if (sources.size >= sourcesMax) {
      sources.evict();
      this.counters.contactsRefused++;
    }
    return sources.create(address);
  }
}

/** Hot from now on, in the slice of every contact it has. */
function heat(day: SourceDay, source: AddressKey, touched: TouchedWindows): void {
  day.isHot = true;
  if (day.first !== undefined) touchSlice(day, source, sliceOf(day.first.firstMs), touched);
  if (day.failed !== undefined)
    for (const { firstMs } of day.failed.values()) touchSlice(day, source, sliceOf(firstMs), touched);
}

function touchSlice(day: SourceDay, source: AddressKey, slice: number, touched: TouchedWindows): void {
  const windows = (day.windows ??= new Map());
  const known = windows.get(slice);
  const window: HotWindow = known ?? { kind: "source", source, slice };
  if (known === undefined) windows.set(slice, window);
  if (known !== undefined && day.touchedIn === touched.merge && day.touchedSlice === slice) return;
  day.touchedIn = touched.merge;
  day.touchedSlice = slice;
  touched.add(window, known === undefined);
}

function sliceOf(timeMs: number): number {
  return Math.floor(timeMs / contactSliceMs);
}

function isSame(known: MutableContact, { destination, port, protocol }: ContactObservation): boolean {
  return known.port === port && known.protocol === protocol && known.destination === destination;
}

function newContact(from: ContactObservation): MutableContact {
  return {
    destination: from.destination,
    protocol: from.protocol,
    port: from.port,
    firstMs: from.timeMs,
    outcome: from.outcome,
    stealth: from.stealth,
    traits: from.traits,
    sensors: onlySensor(from.sensor),
  };
}

/** Time by minimum, outcome and stealth by maximum, traits by OR, sensors: the smallest four. */
function mergeContact(into: MutableContact, from: ContactObservation): void {
  if (from.timeMs < into.firstMs) into.firstMs = from.timeMs;
  if (from.outcome > into.outcome) into.outcome = from.outcome;
  if (from.stealth > into.stealth) into.stealth = from.stealth;
  into.traits |= from.traits;
  into.sensors = withSensor(into.sensors, from.sensor);
}
