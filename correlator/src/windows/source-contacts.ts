import { Outcome } from "@picket/proto/batch/flow-columns.js";
import type { AddressKey } from "./address-key.js";
import { contactKey } from "./contact-key.js";
import { dayMs, type Contact, type SourceWindow } from "./window-store.js";

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

/** UTC days that a source's memory at `untilMs` reaches into. */
export function memoryDays(untilMs: number): { fromDay: number; toDay: number } {
  const toDay = Math.floor((untilMs - 1) / dayMs);
  return { fromDay: toDay - 1, toDay };
}

/**
 * Merges the days of a window: each contact once, at its earliest time within
 * (untilMs - 24 h, untilMs]; a failed contact that was also answered is not failed.
 */
export function sourceContacts(window: SourceWindow, untilMs: number): SourceContacts {
  const answered = mergeDays(window.answered, untilMs);
  const failed = mergeDays(window.failed, untilMs);
  if (answered.size > 0) for (const key of answered.keys()) failed.delete(key);
  const answeredHosts = new Map<AddressKey, number>();
  for (const contact of sortContacts(answered.values()))
    if (!answeredHosts.has(contact.destination)) answeredHosts.set(contact.destination, contact.firstMs);
  return {
    source: window.source,
    failed: sortContacts(failed.values()).filter((contact) => contact.outcome > Outcome.unknown),
    answeredHosts,
    answered: [...answered.values()],
    refused: window.refused,
  };
}

function mergeDays(contacts: readonly Contact[], untilMs: number): Map<string, Contact> {
  const merged = new Map<string, Contact>();
  for (const contact of contacts) {
    if (contact.firstMs >= untilMs || contact.firstMs < untilMs - sourceMemoryMs) continue;
    const key = contactKey(contact);
    const known = merged.get(key);
    merged.set(key, known === undefined ? contact : unite(known, contact));
  }
  return merged;
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

/** By time, then by contact, so that every order of arrival gives the same list. */
function sortContacts(contacts: Iterable<Contact>): Contact[] {
  return [...contacts].sort((a, b) => a.firstMs - b.firstMs || compareText(contactKey(a), contactKey(b)));
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
