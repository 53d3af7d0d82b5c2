import type { AddressKey } from "./address-key.js";
import { contactKey } from "./contact-key.js";
import {
  contactSliceMs,
  dayMs,
  hotContactsMin,
  type Contact,
  type ContactObservation,
  type SourceWindow,
  type WindowLimits,
  type WindowStoreCounters,
} from "./window-store.js";

/** Sources of one UTC day; beyond it those on probation (one failed contact) go first. */
const sourcesMax = 250_000;
/** Entries looked at when one has to go. */
const evictionScan = 32;
/** Refused contacts of one source that are told apart. */
const refusedMax = 65_536;

interface MutableContact {
  destination: AddressKey;
  protocol: number;
  port: number;
  firstMs: number;
  outcome: number;
  stealth: number;
  sensors: number[];
}

/** One source's UTC day. A source on probation is its first contact and nothing else. */
interface SourceDay {
  first: MutableContact | undefined;
  isHot: boolean;
  failed: Map<string, MutableContact> | undefined;
  answered: Map<string, MutableContact> | undefined;
  refused: Set<string> | undefined;
}

/** Contacts of each source by UTC day. */
export class SourceWindows {
  private readonly days = new Map<number, Map<AddressKey, SourceDay>>();

  constructor(
    private readonly limits: WindowLimits,
    private readonly counters: WindowStoreCounters,
  ) {}

  /**
   * Merges one failed contact; the slices in which the source is hot because of
   * it. A source that just became hot is so in the slice of every contact it
   * has, so that the order of arrival does not matter.
   */
  mergeFailed(contact: ContactObservation): readonly number[] {
    const day = Math.floor(contact.timeMs / dayMs);
    const source = this.source(contact.source, day);
    const isFirst = source.first === undefined;
    const key = contactKey(contact);
    if (source.first === undefined) source.first = newContact(contact);
    else if (contactKey(source.first) === key) mergeContact(source.first, contact);
    else this.mergeMore((source.failed ??= new Map()), key, contact, source);
    const next = isFirst ? this.days.get(day + 1)?.get(contact.source) : undefined;
    const later = next?.first === undefined ? [] : becomeHot(next);
    if (source.isHot) return [sliceOf(contact.timeMs), ...later];
    const isHot = failedCount(source) >= hotContactsMin || this.failedOn(contact.source, day - 1);
    return isHot ? [...becomeHot(source), ...later] : later;
  }

  mergeAnswered(contact: ContactObservation): void {
    const source = this.source(contact.source, Math.floor(contact.timeMs / dayMs));
    const answered = (source.answered ??= new Map());
    const key = contactKey(contact);
    const known = answered.get(key);
    if (known === undefined) answered.set(key, newContact(contact));
    else mergeContact(known, contact);
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

  dropDaysBefore(day: number): void {
    for (const kept of this.days.keys()) if (kept < day) this.days.delete(kept);
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
    if (sources === undefined) this.days.set(day, (sources = new Map()));
    let source = sources.get(address);
    if (source !== undefined) return source;
    if (sources.size >= sourcesMax) this.evict(sources);
    source = { first: undefined, isHot: false, failed: undefined, answered: undefined, refused: undefined };
    sources.set(address, source);
    return source;
  }

  /** The lowest score goes: the oldest source on probation, else the oldest. */
  private evict(sources: Map<AddressKey, SourceDay>): void {
    this.counters.contactsRefused++;
    let looked = 0;
    for (const [address, source] of sources) {
      if (source.failed === undefined && source.answered === undefined) return void sources.delete(address);
      if (++looked >= evictionScan) break;
    }
    const oldest = sources.keys().next().value;
    if (oldest !== undefined) sources.delete(oldest);
  }
}

function becomeHot(source: SourceDay): number[] {
  if (source.isHot) return [];
  source.isHot = true;
  const slices = new Set<number>();
  if (source.first !== undefined) slices.add(sliceOf(source.first.firstMs));
  for (const { firstMs } of source.failed?.values() ?? []) slices.add(sliceOf(firstMs));
  return [...slices];
}

function sliceOf(timeMs: number): number {
  return Math.floor(timeMs / contactSliceMs);
}

function failedCount(source: SourceDay): number {
  return (source.first === undefined ? 0 : 1) + (source.failed?.size ?? 0);
}

function newContact(from: ContactObservation): MutableContact {
  return {
    destination: from.destination,
    protocol: from.protocol,
    port: from.port,
    firstMs: from.timeMs,
    outcome: from.outcome,
    stealth: from.stealth,
    sensors: [from.sensor],
  };
}

/** Time by minimum, outcome and stealth by maximum, sensors: the smallest four. */
function mergeContact(into: MutableContact, from: ContactObservation): void {
  if (from.timeMs < into.firstMs) into.firstMs = from.timeMs;
  if (from.outcome > into.outcome) into.outcome = from.outcome;
  if (from.stealth > into.stealth) into.stealth = from.stealth;
  if (into.sensors.includes(from.sensor)) return;
  into.sensors = [...into.sensors, from.sensor].sort((a, b) => a - b).slice(0, 4);
}
