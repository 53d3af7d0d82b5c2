import type { AddressKey } from "./address-key.js";
import { serviceKey } from "./contact-key.js";
import { CrowdWindows } from "./crowd-windows.js";
import type { FactKind, FactObservation, FactWindow } from "./fact-window.js";
import { FactWindows } from "./fact-windows.js";
import { InsideAnswers } from "./inside-answers.js";
import { memoryDays, type SourceContacts } from "./source-contacts.js";
import { SipHash } from "./sip-hash.js";
import { SourceWindows } from "./source-windows.js";
import { TouchedWindows } from "./touched-windows.js";
import { StartWindows } from "./start-windows.js";
import {
  contactSliceMs,
  dayMs,
  defaultWindowLimits,
  hotWindowKey,
  partitionCount,
  partitionOf,
  sliceEndMs,
  type ContactObservation,
  type CrowdCount,
  type CrowdKey,
  type CrowdWindow,
  type HotWindow,
  type Observations,
  type Silence,
  type SourceWindow,
  type StartDirection,
  type StartObservation,
  type WindowLimits,
  type WindowStoreCounters,
} from "./window-store.js";

/** Services remembered of one UTC day. */
const servicesMax = 1_000_000;
const hotKeptMs = 2 * 3_600_000;
/** A sensor's backlog may be a week old; what is older than this is of no use to anybody. */
const contactsKeptMs = 9 * dayMs;

/**
 * The windows, folded from observations: the same whatever order they came in
 * and however often, as long as no cap refused anything. Every store reads from
 * one; a store that is shared folds what all correlators wrote.
 */
export class WindowView {
  private readonly sources: SourceWindows;
  private readonly services = new Map<number, Set<string>>();
  private readonly answers: InsideAnswers;
  private readonly crowds: CrowdWindows;
  private readonly starts: StartWindows;
  private readonly facts: FactWindows;
  /** Hot windows of each partition; a window is always the same object. */
  private readonly hot: Set<HotWindow>[] = Array.from({ length: partitionCount }, () => new Set());
  private readonly touched = new TouchedWindows((window) =>
    this.hot[partitionOf(hotWindowKey(window))].add(window),
  );
  /** Contact slices before this one are forgotten. */
  private closedSlice = 0;
  private closedMs = 0;

  /** @param key 16 bytes that key what is estimated: the same in all that share the windows, and secret */
  constructor(
    private readonly counters: WindowStoreCounters,
    limits: WindowLimits = defaultWindowLimits,
    key: Uint8Array = new Uint8Array(16),
  ) {
    const seed = seedOf(key);
    this.sources = new SourceWindows(limits, counters, seed);
    this.answers = new InsideAnswers(counters);
    this.crowds = new CrowdWindows(limits, counters, new SipHash(key), seed);
    this.starts = new StartWindows(counters);
    this.facts = new FactWindows(counters);
  }

  /** Folds everything; the windows that are hot because of it, some more than once. */
  merge(observations: Observations): HotWindow[] {
    for (const contact of observations.failed) this.mergeFailed(contact);
    for (const contact of observations.answered) this.mergeAnswered(contact);
    for (const start of observations.starts) this.mergeStart(start);
    for (const fact of observations.facts) this.mergeFact(fact);
    return this.takeTouched();
  }

  /** Windows that are hot because of what was merged since the last call, some more than once. */
  takeTouched(): HotWindow[] {
    return this.touched.take();
  }

  mergeFailed(contact: ContactObservation): void {
    if (this.isTooOld(contact)) return;
    this.sources.mergeFailed(contact, this.touched);
    this.crowds.merge(contact, this.touched);
    this.answers.merge(contact);
  }

  mergeAnswered(contact: ContactObservation): void {
    if (this.isTooOld(contact)) return;
    this.sources.mergeAnswered(contact);
    this.answers.merge(contact);
    const day = Math.floor(contact.timeMs / dayMs);
    let services = this.services.get(day);
    if (services === undefined) this.services.set(day, (services = new Set()));
    if (services.size < servicesMax)
      services.add(serviceKey(contact.destination, contact.port, contact.protocol));
  }

  private isTooOld({ timeMs }: ContactObservation): boolean {
    if (timeMs >= this.closedMs - contactsKeptMs) return false;
    this.counters.contactsRefused++;
    return true;
  }

  mergeStart(start: StartObservation): void {
    this.starts.merge(start, this.touched);
  }

  mergeFact(fact: FactObservation): void {
    this.facts.merge(fact, this.touched);
  }

  /** Takes the greater of two counts. */
  mergeHistory(count: CrowdCount): void {
    this.crowds.remember(count);
  }

  readSource(source: AddressKey, fromDay: number, toDay: number): SourceWindow {
    return this.sources.read(source, fromDay, toDay);
  }

  /** See `WindowStore.readContacts`. */
  readContacts(source: AddressKey, untilMs: number): SourceContacts {
    return this.sources.readContacts(source, untilMs);
  }

  /** True when the source failed at something on that day. */
  isKnownSource(source: AddressKey, day: number): boolean {
    return this.sources.isKnown(source, day);
  }

  /** See `SourceWindows.isFull`. */
  isFullSource(contact: ContactObservation): boolean {
    return this.sources.isFull(contact);
  }

  readCrowd(key: CrowdKey): CrowdWindow {
    return this.crowds.read(key);
  }

  readCrowdHistory(key: CrowdKey): ReadonlyMap<number, number> {
    return this.crowds.readHistory(key);
  }

  isService(
    { destination, port, protocol }: { destination: AddressKey; protocol: number; port: number },
    day: number,
  ): boolean {
    const key = serviceKey(destination, port, protocol);
    return (this.services.get(day)?.has(key) ?? false) || (this.services.get(day - 1)?.has(key) ?? false);
  }

  /** See `WindowStore.readSilences`. */
  readSilence(
    { destination, port, protocol }: { destination: AddressKey; protocol: number; port: number },
    untilMs: number,
  ): Silence {
    if (!this.answers.isKnown(untilMs)) return { isAddressSilent: false, isPortSilent: false };
    return {
      isAddressSilent: !this.answers.hasHost(destination, untilMs) && !this.hasStarted(destination, untilMs),
      isPortSilent: !this.answers.hasPort(port, protocol, untilMs),
    };
  }

  /** True when the host was the source of a contact on the day that ends with `untilMs`, or the day before. */
  private hasStarted(host: AddressKey, untilMs: number): boolean {
    const { fromDay, toDay } = memoryDays(untilMs);
    const { failed, answered } = this.sources.read(host, fromDay, toDay);
    const isBefore = ({ firstMs }: { readonly firstMs: number }): boolean => firstMs < untilMs;
    return failed.some(isBefore) || answered.some(isBefore);
  }

  readStarts(host: AddressKey, direction: StartDirection, fromSlice: number, toSlice: number): Float64Array {
    return this.starts.read(host, direction, fromSlice, toSlice);
  }

  readFacts(kind: FactKind, subject: string, fromSlice: number, toSlice: number): FactWindow[] {
    const windows: FactWindow[] = [];
    for (let slice = fromSlice; slice <= toSlice; slice++)
      windows.push(this.facts.read(kind, subject, slice));
    return windows;
  }

  /** See `WindowStore.readHot`. */
  readHot(partition: number, afterMs: number, untilMs: number): HotWindow[] {
    const found: HotWindow[] = [];
    for (const window of this.hot[partition]) {
      const endMs = sliceEndMs(window);
      if (endMs > afterMs && endMs <= untilMs) found.push(window);
    }
    return found;
  }

  /** Counts of the crowds among hot windows, where the history does not have them yet. */
  newCrowdCounts(windows: readonly HotWindow[]): CrowdCount[] {
    const counts: CrowdCount[] = [];
    for (const window of windows) {
      if (window.kind !== "crowd") continue;
      const { count } = this.crowds.read(window.key);
      if (count > this.crowds.remembered(window.key)) counts.push({ ...window.key, count });
    }
    return counts;
  }

  /** See `WindowStore.forget`. */
  forget(closedMs: number): void {
    if (!Number.isFinite(closedMs) || closedMs <= this.closedMs) return;
    this.closedMs = closedMs;
    this.starts.close(closedMs);
    this.facts.close(closedMs);
    const slice = Math.floor(closedMs / contactSliceMs);
    if (slice <= this.closedSlice) return;
    this.closedSlice = slice;
    const day = Math.floor(closedMs / dayMs);
    this.sources.dropDaysBefore(day - 1);
    for (const kept of this.services.keys()) if (kept < day - 1) this.services.delete(kept);
    this.answers.dropDaysBefore(day - 1);
    this.crowds.close(slice);
    for (const windows of this.hot)
      for (const window of windows) if (sliceEndMs(window) < closedMs - hotKeptMs) windows.delete(window);
    this.sources.dropRead();
  }
}

/** Seed of hash tables; nobody who does not know the key can fill one place of them. */
function seedOf(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset).getInt32(0);
}
