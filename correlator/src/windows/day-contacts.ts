import { mixWord } from "../flows/flow-hash.js";
import type { AddressKey } from "./address-key.js";
import { addressWords, PackedAddress, unpackAddress } from "./packed-address.js";
import { RowIndex, Rows } from "./rows.js";
import { SensorLists } from "./sensor-lists.js";
import { dayMs, type Contact, type ContactObservation } from "./window-store.js";

/** Words of a source's row, after its address. */
const state = addressWords;
const firstFailed = addressWords + 1;
const firstAnswered = addressWords + 2;
/** Failed contacts, and answered ones above them. */
const counts = addressWords + 3;
const answeredShift = 16;
/** Length of the source in `state`; above it its changes are counted. */
const lengthMask = 0x1f;
const oneChange = lengthMask + 1;
const sourceWords = addressWords + 4;

/** Words of a contact's row, after its destination's address. */
const service = addressWords;
const time = addressWords + 1;
/** Outcome, stealth << 4, traits << 8, length of the destination << 16, answered << 24. */
const marks = addressWords + 2;
const sensors = addressWords + 3;
/** Next contact of the same source and side and one more, 0 for none. */
const nextContact = addressWords + 4;
const ofSource = addressWords + 5;
const contactWords = addressWords + 6;
const answeredMark = 1 << 24;

/** Most contacts of a source on either side. */
export const countedMax = 0xffff;

/**
 * Sources of one UTC day and what they contacted, in columns of words: 32 bytes a
 * source and 40 a contact, and 11 to 21 each to find them. A contact that failed
 * and was answered stands once on either side.
 */
export class DayContacts {
  private readonly sources = new Rows(sourceWords);
  private readonly sourceIndex = new RowIndex();
  private readonly contacts = new Rows(contactWords);
  private readonly contactIndex = new RowIndex();
  private readonly lists = new SensorLists();
  private readonly address = new PackedAddress();
  /** Of the contact that was last looked for, whose destination is in `address`. */
  private soughtHash = 0;
  /** First of the rows that are free, linked by `nextContact`, and one more. */
  private free = 0;

  /** @param day UTC day since 1970 @param seed keys the hashes */
  constructor(
    private readonly day: number,
    private readonly seed: number,
  ) {}

  /** Sources; they are numbered from 0. */
  get size(): number {
    return this.sources.end;
  }

  /** Number of a source, -1 where it is not there. */
  find(source: AddressKey): number {
    this.address.set(source);
    return this.lookUp(this.address.mix(this.seed));
  }

  /** Number of a source that is new. */
  add(source: AddressKey): number {
    const row = this.sources.add();
    this.put(row, source);
    return row;
  }

  /** Gives a source's number to another one, which has no contacts yet. */
  replace(row: number, source: AddressKey): void {
    this.freeChain(row, firstFailed);
    this.freeChain(row, firstAnswered);
    this.sourceIndex.remove(this.hashOf(this.key(row)), row);
    this.put(row, source);
  }

  failedCount(source: number): number {
    return this.sources.chunk(source)[this.sources.offset(source) + counts] & countedMax;
  }

  answeredCount(source: number): number {
    return this.sources.chunk(source)[this.sources.offset(source) + counts] >>> answeredShift;
  }

  /** Differs after every change of a source. */
  version(source: number): number {
    return this.sources.chunk(source)[this.sources.offset(source) + state] >>> 5;
  }

  /** Number of a source's contact, -1 where it is not there. */
  findContact(source: number, contact: ContactObservation | Contact, isAnswered: boolean): number {
    this.address.set(contact.destination);
    return this.lookUpContact(source, serviceWord(contact), isAnswered);
  }

  /** Adds the contact that `findContact` has just not found. */
  addContact(source: number, contact: ContactObservation, isAnswered: boolean): void {
    const { address } = this;
    const row = this.takeRow();
    const words = this.contacts.chunk(row);
    const at = this.contacts.offset(row);
    address.put(words, at);
    words[at + service] = serviceWord(contact);
    words[at + time] = contact.timeMs - this.day * dayMs;
    words[at + marks] =
      contact.outcome |
      (contact.stealth << 4) |
      (contact.traits << 8) |
      (address.length << 16) |
      (isAnswered ? answeredMark : 0);
    words[at + sensors] = this.lists.with(0, contact.sensor);
    words[at + ofSource] = source;
    this.contactIndex.add(this.soughtHash, row);
    this.link(source, row, isAnswered);
  }

  /** Time by minimum, outcome and stealth by maximum, traits by OR, sensors: the smallest four. */
  mergeContact(row: number, from: ContactObservation): void {
    const words = this.contacts.chunk(row);
    const at = this.contacts.offset(row);
    const timeInDay = Math.min(words[at + time], from.timeMs - this.day * dayMs);
    const known = words[at + marks];
    const mark =
      (known & ~0xff) |
      Math.max(known & 0xf, from.outcome) |
      Math.max(known & 0xf0, from.stealth << 4) |
      (from.traits << 8);
    const list = this.lists.with(words[at + sensors], from.sensor);
    if (timeInDay === words[at + time] && mark === known && list === words[at + sensors]) return;
    words[at + time] = timeInDay;
    words[at + marks] = mark;
    words[at + sensors] = list;
    this.noteChange(words[at + ofSource]);
  }

  /** The source's last contact on a side, -1 where it has none. */
  lastContact(source: number, isAnswered: boolean): number {
    const first = isAnswered ? firstAnswered : firstFailed;
    return this.sources.chunk(source)[this.sources.offset(source) + first] - 1;
  }

  /** The contact before it, -1 where it was the first. */
  contactBefore(row: number): number {
    return this.contacts.chunk(row)[this.contacts.offset(row) + nextContact] - 1;
  }

  /** Event time of a contact, milliseconds. */
  timeMs(row: number): number {
    return this.day * dayMs + this.contacts.chunk(row)[this.contacts.offset(row) + time];
  }

  contact(row: number): Contact {
    const words = this.contacts.chunk(row);
    const at = this.contacts.offset(row);
    const mark = words[at + marks];
    return {
      destination: unpackAddress(words, at, (mark >>> 16) & 0xff),
      protocol: words[at + service] & 0xff,
      port: words[at + service] >>> 8,
      firstMs: this.day * dayMs + words[at + time],
      outcome: mark & 0xf,
      stealth: (mark >>> 4) & 0xf,
      traits: (mark >>> 8) & 0xff,
      sensors: this.lists.sensors(words[at + sensors]),
    };
  }

  private key(source: number): AddressKey {
    const words = this.sources.chunk(source);
    const at = this.sources.offset(source);
    return unpackAddress(words, at, words[at + state] & lengthMask);
  }

  private put(row: number, source: AddressKey): void {
    const words = this.sources.chunk(row);
    const at = this.sources.offset(row);
    this.sourceIndex.add(this.hashOf(source), row);
    this.address.put(words, at);
    words[at + state] = ((words[at + state] + oneChange) & ~lengthMask) | source.length;
    words[at + firstFailed] = words[at + firstAnswered] = words[at + counts] = 0;
  }

  /** Leaves the source in `address`. */
  private hashOf(source: AddressKey): number {
    this.address.set(source);
    return this.address.mix(this.seed);
  }

  private lookUp(hash: number): number {
    const { sourceIndex, sources, address } = this;
    for (let place = sourceIndex.first(hash); place >= 0; place = sourceIndex.next(place, hash)) {
      const row = sourceIndex.row(place);
      const words = sources.chunk(row);
      const at = sources.offset(row);
      if (address.isAt(words, at) && (words[at + state] & lengthMask) === address.length) return row;
    }
    return -1;
  }

  private lookUpContact(source: number, word: number, isAnswered: boolean): number {
    const { contactIndex, contacts, address } = this;
    const hash = (this.soughtHash = this.contactHash(source, word, isAnswered));
    const kind = (address.length << 16) | (isAnswered ? answeredMark : 0);
    for (let place = contactIndex.first(hash); place >= 0; place = contactIndex.next(place, hash)) {
      const row = contactIndex.row(place);
      const words = contacts.chunk(row);
      const at = contacts.offset(row);
      if (
        words[at + ofSource] === source &&
        words[at + service] === word &&
        (words[at + marks] & ~0xffff) === kind &&
        address.isAt(words, at)
      )
        return row;
    }
    return -1;
  }

  /** Of the destination in `address`. */
  private contactHash(source: number, word: number, isAnswered: boolean): number {
    return this.address.mix(mixWord(mixWord(this.seed, source * 2 + (isAnswered ? 1 : 0)), word));
  }

  private link(source: number, row: number, isAnswered: boolean): void {
    const words = this.sources.chunk(source);
    const at = this.sources.offset(source);
    const first = isAnswered ? firstAnswered : firstFailed;
    this.contacts.chunk(row)[this.contacts.offset(row) + nextContact] = words[at + first];
    words[at + first] = row + 1;
    words[at + counts] += isAnswered ? 1 << answeredShift : 1;
    words[at + state] += oneChange;
  }

  private noteChange(source: number): void {
    this.sources.chunk(source)[this.sources.offset(source) + state] += oneChange;
  }

  private takeRow(): number {
    if (this.free === 0) return this.contacts.add();
    const row = this.free - 1;
    this.free = this.contacts.chunk(row)[this.contacts.offset(row) + nextContact];
    return row;
  }

  private freeChain(source: number, first: number): void {
    let row = this.sources.chunk(source)[this.sources.offset(source) + first] - 1;
    while (row >= 0) {
      const words = this.contacts.chunk(row);
      const at = this.contacts.offset(row);
      this.address.set(unpackAddress(words, at, (words[at + marks] >>> 16) & 0xff));
      this.contactIndex.remove(
        this.contactHash(source, words[at + service], (words[at + marks] & answeredMark) !== 0),
        row,
      );
      const next = words[at + nextContact] - 1;
      words[at + nextContact] = this.free;
      this.free = row + 1;
      row = next;
    }
  }
}

function serviceWord({ port, protocol }: { readonly port: number; readonly protocol: number }): number {
  return (port << 8) | protocol;
}
