import { Outcome } from "@picket/proto/batch/flow-columns.js";
import type { AddressKey } from "./address-key.js";
import { contactKey } from "./contact-key.js";
import type { DayContacts } from "./day-contacts.js";
import { dayMs, type Contact } from "./window-store.js";

/** Memory of a source: what it contacted longer ago no longer counts. */
export const sourceMemoryMs = dayMs;

/** A source's distinct contacts within its memory, as of one moment of event time. */
export interface SourceContacts {
  readonly source: AddressKey;
  /** First contacts that failed and were never answered, by time, then contact. */
  readonly failed: readonly Contact[];
  /** Destination hosts that answered, with the first time they did, by time. */
  readonly answeredHosts: ReadonlyMap<AddressKey, number>;
  /** Contacts that were answered. */
  readonly answered: readonly Contact[];
  readonly refused: number;
}

/** A source in the contacts of one UTC day. */
export interface SourceOfDay {
  readonly contacts: DayContacts;
  /** Number of the source there. */
  readonly source: number;
  readonly refused: number;
}

/** UTC days that a source's memory at `untilMs` reaches into. */
export function memoryDays(untilMs: number): { fromDay: number; toDay: number } {
  const toDay = Math.floor((untilMs - 1) / dayMs);
  return { fromDay: toDay - 1, toDay };
}

/**
 * Merges the days of a source: each contact once, at its earliest time within
 * (untilMs - 24 h, untilMs]; a failed contact that was also answered is not failed.
 * @param days at most two
 */
export function sourceContacts(
  source: AddressKey,
  days: readonly SourceOfDay[],
  untilMs: number,
): SourceContacts {
  const answered = collect(days, true, untilMs, () => true);
  const failed = collect(
    days,
    false,
    untilMs,
    (contact) => contact.outcome > Outcome.unknown && !isAnswered(contact, days, untilMs),
  );
  return {
    source,
    failed: failed.sort(inOrder),
    answeredHosts: hostsOf(answered),
    answered,
    refused: days.reduce((sum, { refused }) => sum + refused, 0),
  };
}

/** Contacts of one side within the memory, those of two days united. */
function collect(
  days: readonly SourceOfDay[],
  isAnsweredSide: boolean,
  untilMs: number,
  isWanted: (contact: Contact) => boolean,
): Contact[] {
  const found: Contact[] = [];
  for (const [index, { contacts, source }] of days.entries())
    for (
      let row = contacts.lastContact(source, isAnsweredSide);
      row >= 0;
      row = contacts.contactBefore(row)
    ) {
      if (!isWithin(contacts.timeMs(row), untilMs)) continue;
      const contact = contacts.contact(row);
      const same = days.length === 1 ? undefined : twin(contact, days[1 - index], isAnsweredSide, untilMs);
      // It is told with the earlier day.
      if (same !== undefined && index === 1) continue;
      const whole = same === undefined ? contact : unite(contact, same);
      if (isWanted(whole)) found.push(whole);
    }
  return found;
}

function isAnswered(contact: Contact, days: readonly SourceOfDay[], untilMs: number): boolean {
  for (const day of days) if (twin(contact, day, true, untilMs) !== undefined) return true;
  return false;
}

/** The same contact of the source on another day or side, if it is within the memory. */
function twin(
  contact: Contact,
  { contacts, source }: SourceOfDay,
  isAnsweredSide: boolean,
  untilMs: number,
): Contact | undefined {
  if (contacts.lastContact(source, isAnsweredSide) < 0) return undefined;
  const row = contacts.findContact(source, contact, isAnsweredSide);
  return row >= 0 && isWithin(contacts.timeMs(row), untilMs) ? contacts.contact(row) : undefined;
}

function isWithin(timeMs: number, untilMs: number): boolean {
  return timeMs < untilMs && timeMs >= untilMs - sourceMemoryMs;
}

function unite(a: Contact, b: Contact): Contact {
  const sensors = [...new Set([...a.sensors, ...b.sensors])].sort((x, y) => x - y).slice(0, 4);
  return {
    ...a,
    firstMs: Math.min(a.firstMs, b.firstMs),
    outcome: Math.max(a.outcome, b.outcome),
    stealth: Math.max(a.stealth, b.stealth),
    traits: a.traits | b.traits,
    sensors,
  };
}

function hostsOf(answered: readonly Contact[]): Map<AddressKey, number> {
  const hosts = new Map<AddressKey, number>();
  for (const { destination, firstMs } of [...answered].sort(inOrder))
    if (!hosts.has(destination)) hosts.set(destination, firstMs);
  return hosts;
}

/** By time, then by contact, so that every order of arrival gives the same list. */
function inOrder(a: Contact, b: Contact): number {
  return a.firstMs - b.firstMs || compareText(contactKey(a), contactKey(b));
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
