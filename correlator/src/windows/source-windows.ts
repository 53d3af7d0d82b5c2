import type { AddressKey } from "./address-key.js";
import { contactKey } from "./contact-key.js";
import { countedMax, DayContacts } from "./day-contacts.js";
import { memoryDays, sourceContacts, type SourceContacts, type SourceOfDay } from "./source-contacts.js";
import type { TouchedWindows } from "./touched-windows.js";
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
/** Hosts met after the cap of which one contact is kept, as a share of the cap: who scans many hosts is told with all. */
const lateHostsShare = 1 / 4;
/** Sources of which what was read is kept; beyond it all of it is forgotten. */
const readsMax = 16_384;

/** A source that is hot on a UTC day. */
class HotSource {
  /** Slices in which it is hot. */
  readonly windows = new Map<number, HotWindow>();
  /** Merge and slice in which it was last told. */
  private toldIn = 0;
  private toldSlice = 0;

  constructor(private readonly source: AddressKey) {}

  tell(slice: number, touched: TouchedWindows): void {
    const known = this.windows.get(slice);
    if (known !== undefined && this.toldIn === touched.merge && this.toldSlice === slice) return;
    const window: HotWindow = known ?? { kind: "source", source: this.source, slice };
    if (known === undefined) this.windows.set(slice, window);
    this.toldIn = touched.merge;
    this.toldSlice = slice;
    touched.add(window, known === undefined);
  }
}

/** A source that has more failed contacts on a UTC day than are kept. */
class FullSource {
  /** Contacts that were refused. */
  readonly refused = new Set<string>();
  readonly hosts = new Set<AddressKey>();

  constructor({ contacts }: SourceDay, source: number) {
    for (let row = contacts.lastContact(source, false); row >= 0; row = contacts.contactBefore(row))
      this.hosts.add(contacts.contact(row).destination);
  }
}

interface ReadContacts {
  readonly untilMs: number;
  readonly versions: number;
  readonly contacts: SourceContacts;
}

/** One UTC day; what few sources have is by their number. */
class SourceDay {
  readonly contacts: DayContacts;
  readonly hot = new Map<number, HotSource>();
  readonly full = new Map<number, FullSource>();
  /** What was last read, for as long as nothing changes. */
  readonly reads = new Map<number, ReadContacts>();
  /** Where the next to go is looked for: the oldest, as each new one takes the place of one that went. */
  private hand = 0;

  constructor(day: number, seed: number) {
    this.contacts = new DayContacts(day, seed);
  }

  /** The lowest score goes: the oldest source on probation, else the oldest but those just spared. */
  replaceOne(source: AddressKey): number {
    for (let looked = 0; looked < evictionScan && !this.isOnProbation(this.hand); looked++) this.turn();
    const row = this.hand;
    this.turn();
    this.hot.delete(row);
    this.full.delete(row);
    this.reads.delete(row);
    this.contacts.replace(row, source);
    return row;
  }

  private isOnProbation(source: number): boolean {
    return this.contacts.failedCount(source) <= 1 && this.contacts.answeredCount(source) === 0;
  }

  private turn(): void {
    this.hand = (this.hand + 1) % this.contacts.size;
  }
}

/** Contacts of each source by UTC day. */
export class SourceWindows {
  private readonly days = new Map<number, SourceDay>();
  private readonly failedMax: number;
  /** With the contacts of hosts that were met after `failedMax`. */
  private readonly lateMax: number;
  private readonly answeredMax: number;
  private reads = 0;

  /** @param seed keys the hashes */
  constructor(
    { contactsPerSourceMax }: WindowLimits,
    private readonly counters: WindowStoreCounters,
    private readonly seed: number,
  ) {
    this.failedMax = Math.min(countedMax, contactsPerSourceMax);
    this.lateMax = Math.min(countedMax, Math.floor(this.failedMax * (1 + lateHostsShare)));
    this.answeredMax = Math.min(countedMax, contactsPerSourceMax * answeredFactor);
  }

  /**
   * Merges one failed contact; tells the slices in which the source is hot
   * because of it. A source that just became hot is so in the slice of every
   * contact it has, so that the order of arrival does not matter.
   */
  mergeFailed(contact: ContactObservation, touched: TouchedWindows): void {
    const number = Math.floor(contact.timeMs / dayMs);
    const day = this.day(number);
    const source = this.sourceOf(day, contact.source);
    const { contacts } = day;
    const known = contacts.findContact(source, contact, false);
    if (known >= 0) contacts.mergeContact(known, contact);
    else if (contacts.failedCount(source) < this.failedMax) contacts.addContact(source, contact, false);
    else this.mergeBeyond(day, source, contact);
    const count = contacts.failedCount(source);
    if (known < 0 && count === 1) this.heatNext(contact.source, number + 1, touched);
    const hot = day.hot.get(source);
    if (hot !== undefined) hot.tell(sliceOf(contact.timeMs), touched);
    else if (count >= hotContactsMin || this.isKnown(contact.source, number - 1))
      heat(day, source, contact.source, touched);
  }

  mergeAnswered(contact: ContactObservation): void {
    const day = this.day(Math.floor(contact.timeMs / dayMs));
    const source = this.sourceOf(day, contact.source);
    const { contacts } = day;
    const known = contacts.findContact(source, contact, true);
    if (known >= 0) contacts.mergeContact(known, contact);
    else if (contacts.answeredCount(source) < this.answeredMax) contacts.addContact(source, contact, true);
    else this.counters.contactsRefused++;
  }

  /** True when the source failed at something on that day. */
  isKnown(source: AddressKey, day: number): boolean {
    const contacts = this.days.get(day)?.contacts;
    const row = contacts?.find(source) ?? -1;
    return contacts !== undefined && row >= 0 && contacts.failedCount(row) > 0;
  }

  /** True when the source has so many contacts that day that one more is not even counted. */
  isFull(contact: ContactObservation): boolean {
    const day = this.days.get(Math.floor(contact.timeMs / dayMs));
    if (day === undefined || day.full.size === 0) return false;
    const source = day.contacts.find(contact.source);
    if ((day.full.get(source)?.refused.size ?? 0) < refusedMax) return false;
    return day.contacts.findContact(source, contact, false) < 0;
  }

  read(source: AddressKey, fromDay: number, toDay: number): SourceWindow {
    const failed: Contact[] = [];
    const answered: Contact[] = [];
    let refused = 0;
    for (let number = fromDay; number <= toDay; number++) {
      const found = this.find(source, number);
      if (found === undefined) continue;
      readSide(found, false, failed);
      readSide(found, true, answered);
      refused += found.refused;
    }
    return { source, failed, answered, refused };
  }

  /** The source's distinct contacts within its memory at `untilMs`; the same object while nothing changes. */
  readContacts(source: AddressKey, untilMs: number): SourceContacts {
    const { fromDay, toDay } = memoryDays(untilMs);
    const today = this.find(source, toDay);
    const days = [this.find(source, fromDay), today].filter((found) => found !== undefined);
    const versions = days.reduce((sum, { contacts, source: row }) => sum + contacts.version(row), 0);
    const reads = this.days.get(toDay)?.reads;
    const known = today === undefined ? undefined : reads?.get(today.source);
    if (known?.untilMs === untilMs && known.versions === versions) return known.contacts;
    const contacts = sourceContacts(source, days, untilMs);
    if (today === undefined || reads === undefined) return contacts;
    if (known === undefined && ++this.reads > readsMax) this.dropRead();
    reads.set(today.source, { untilMs, versions, contacts });
    return contacts;
  }

  dropDaysBefore(day: number): void {
    for (const kept of this.days.keys()) if (kept < day) this.days.delete(kept);
  }

  /** What was read is worked out again when it is asked for. */
  dropRead(): void {
    this.reads = 0;
    for (const { reads } of this.days.values()) reads.clear();
  }

  private find(source: AddressKey, number: number): SourceOfDay | undefined {
    const day = this.days.get(number);
    const row = day?.contacts.find(source) ?? -1;
    if (day === undefined || row < 0) return undefined;
    return { contacts: day.contacts, source: row, refused: day.full.get(row)?.refused.size ?? 0 };
  }

  private heatNext(name: AddressKey, number: number, touched: TouchedWindows): void {
    const next = this.days.get(number);
    const source = next?.contacts.find(name) ?? -1;
    if (next === undefined || source < 0 || next.hot.has(source)) return;
    if (next.contacts.failedCount(source) > 0) heat(next, source, name, touched);
  }

  /** The contact that was just looked for: the first with a host is kept, others only to count each once. */
  private mergeBeyond(day: SourceDay, source: number, contact: ContactObservation): void {
    let full = day.full.get(source);
    if (full === undefined) day.full.set(source, (full = new FullSource(day, source)));
    const { hosts, refused } = full;
    if (!hosts.has(contact.destination) && day.contacts.failedCount(source) < this.lateMax) {
      hosts.add(contact.destination);
      day.contacts.addContact(source, contact, false);
      return;
    }
    const key = contactKey(contact);
    if (refused.size >= refusedMax || refused.has(key)) return;
    refused.add(key);
    this.counters.contactsRefused++;
  }

  private day(number: number): SourceDay {
    let day = this.days.get(number);
    if (day === undefined) this.days.set(number, (day = new SourceDay(number, this.seed)));
    return day;
  }

  /** Number of the source on that day, made when it is not there. */
  private sourceOf(day: SourceDay, source: AddressKey): number {
    const known = day.contacts.find(source);
    if (known >= 0) return known;
    if (day.contacts.size < sourcesMax) return day.contacts.add(source);
    this.counters.contactsRefused++;
    return day.replaceOne(source);
  }
}

/** Hot from now on, in the slice of every contact it has. */
function heat({ contacts, hot }: SourceDay, row: number, source: AddressKey, touched: TouchedWindows): void {
  const found = new HotSource(source);
  hot.set(row, found);
  for (
    let contact = contacts.lastContact(row, false);
    contact >= 0;
    contact = contacts.contactBefore(contact)
  )
    found.tell(sliceOf(contacts.timeMs(contact)), touched);
}

function readSide({ contacts, source }: SourceOfDay, isAnswered: boolean, into: Contact[]): void {
  for (let row = contacts.lastContact(source, isAnswered); row >= 0; row = contacts.contactBefore(row))
    into.push(contacts.contact(row));
}

function sliceOf(timeMs: number): number {
  return Math.floor(timeMs / contactSliceMs);
}
