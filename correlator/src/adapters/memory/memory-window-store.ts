import type { AddressKey } from "../../windows/address-key.js";
import { serviceKey } from "../../windows/contact-key.js";
import {
  contactSliceMs,
  dayMs,
  defaultWindowLimits,
  hotWindowKey,
  partitionCount,
  partitionOf,
  sliceEndMs,
  type ContactObservation,
  type CrowdKey,
  type CrowdObservation,
  type CrowdWindow,
  type HotWindow,
  type Observations,
  type SourceWindow,
  type StartDirection,
  type StartObservation,
  type WindowLimits,
  type WindowStore,
  type WindowStoreCounters,
} from "../../windows/window-store.js";
import type { FactKind, FactObservation, FactWindow } from "../../windows/fact-window.js";
import { MemoryCrowdWindows } from "./memory-crowd-windows.js";
import { MemoryFactWindows } from "./memory-fact-windows.js";
import { MemorySourceWindows } from "./memory-source-windows.js";
import { MemoryStartWindows } from "./memory-start-windows.js";

/** Services remembered of one UTC day. */
const servicesMax = 1_000_000;
const hotKeptMs = 2 * 3_600_000;

/** Windows in this process's memory: the store of embedded mode, analyze and backtest. */
export class MemoryWindowStore implements WindowStore {
  readonly counters: WindowStoreCounters = {
    contactsRefused: 0,
    crowdSourcesRefused: 0,
    startsRefused: 0,
    factsRefused: 0,
  };
  readonly stateEpoch = 0;
  private readonly sources: MemorySourceWindows;
  private readonly services = new Map<number, Set<string>>();
  private readonly crowds: MemoryCrowdWindows;
  private readonly starts: MemoryStartWindows;
  private readonly facts: MemoryFactWindows;
  /** Hot windows of each partition by identity. */
  private readonly hot: Map<string, HotWindow>[] = Array.from({ length: partitionCount }, () => new Map());
  /** Contact slices before this one are closed; what is kept hangs on it. */
  private closedSlice = 0;
  /** Until when each partition's hot windows were read to close them. */
  private readonly readUntilMs = new Float64Array(partitionCount);

  constructor(limits: WindowLimits = defaultWindowLimits) {
    this.sources = new MemorySourceWindows(limits, this.counters);
    this.crowds = new MemoryCrowdWindows(limits, this.counters);
    this.starts = new MemoryStartWindows(limits, this.counters);
    this.facts = new MemoryFactWindows(this.counters);
  }

  merge(observations: Observations): Promise<HotWindow[]> {
    const touched: HotWindow[] = [];
    for (const contact of observations.failed) this.mergeFailed(contact, touched);
    for (const contact of observations.answered) this.mergeAnswered(contact);
    for (const crowd of observations.crowds) this.mergeCrowd(crowd, touched);
    for (const start of observations.starts) this.mergeStart(start, touched);
    for (const fact of observations.facts) this.mergeFact(fact, touched);
    return Promise.resolve(touched);
  }

  readSources(sources: readonly AddressKey[], fromDay: number, toDay: number): Promise<SourceWindow[]> {
    return Promise.resolve(sources.map((source) => this.sources.read(source, fromDay, toDay)));
  }

  readCrowds(keys: readonly CrowdKey[]): Promise<CrowdWindow[]> {
    return Promise.resolve(keys.map((key) => this.crowds.read(key)));
  }

  readCrowdHistory(key: CrowdKey): Promise<ReadonlyMap<number, number>> {
    return Promise.resolve(this.crowds.readHistory(key));
  }

  readServices(
    services: readonly { destination: AddressKey; protocol: number; port: number }[],
    day: number,
  ): Promise<boolean[]> {
    return Promise.resolve(
      services.map((service) => {
        const key = serviceKey(service.destination, service.port, service.protocol);
        return (this.services.get(day)?.has(key) ?? false) || (this.services.get(day - 1)?.has(key) ?? false);
      }),
    );
  }

  readStarts(
    host: AddressKey,
    direction: StartDirection,
    fromSlice: number,
    toSlice: number,
  ): Promise<Float64Array> {
    return Promise.resolve(this.starts.read(host, direction, fromSlice, toSlice));
  }

  readFacts(kind: FactKind, subject: string, fromSlice: number, toSlice: number): Promise<FactWindow[]> {
    const windows: FactWindow[] = [];
    for (let slice = fromSlice; slice <= toSlice; slice++)
      windows.push(this.facts.read(kind, subject, slice));
    return Promise.resolve(windows);
  }

  /** Also forgets what lies far behind what every partition has closed; nothing is forgotten before that. */
  readHot(partition: number, afterMs: number, untilMs: number): Promise<HotWindow[]> {
    const closedMs = this.readUntilMs.reduce((least, until) => Math.min(least, until), Infinity);
    if (Number.isFinite(closedMs)) this.prune(closedMs);
    this.readUntilMs[partition] = untilMs;
    const found: HotWindow[] = [];
    for (const window of this.hot[partition].values()) {
      const endMs = sliceEndMs(window);
      if (endMs > afterMs && endMs <= untilMs) found.push(window);
    }
    return Promise.resolve(found);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private mergeFailed(contact: ContactObservation, touched: HotWindow[]): void {
    for (const slice of this.sources.mergeFailed(contact)) {
      const window: HotWindow = { kind: "source", source: contact.source, slice };
      touched.push(window);
      this.markHot(window);
    }
  }

  private mergeAnswered(contact: ContactObservation): void {
    this.sources.mergeAnswered(contact);
    const day = Math.floor(contact.timeMs / dayMs);
    let services = this.services.get(day);
    if (services === undefined) this.services.set(day, (services = new Set()));
    if (services.size < servicesMax)
      services.add(serviceKey(contact.destination, contact.port, contact.protocol));
  }

  private mergeCrowd(observation: CrowdObservation, touched: HotWindow[]): void {
    const hot = this.crowds.merge(observation);
    if (hot === undefined) return;
    touched.push(hot.window);
    if (!hot.isNew) return;
    const { kind, subject, slice } = observation;
    this.markHot(hot.window);
    this.markHot({ kind: "crowd", key: { kind, subject, slice: slice + 1 } });
  }

  private mergeStart(start: StartObservation, touched: HotWindow[]): void {
    if (!this.starts.merge(start)) return;
    const window: HotWindow = {
      kind: "starts",
      host: start.host,
      direction: start.direction,
      slice: start.slice,
    };
    touched.push(window);
    this.markHot(window);
  }

  private mergeFact(fact: FactObservation, touched: HotWindow[]): void {
    const slice = this.facts.merge(fact);
    if (slice === undefined) return;
    const window: HotWindow = { kind: "facts", facts: fact.kind, subject: fact.subject, slice };
    touched.push(window);
    this.markHot(window);
  }

  private markHot(window: HotWindow): void {
    this.hot[partitionOf(hotWindowKey(window))].set(hotText(window), window);
  }

  private prune(closedMs: number): void {
    const slice = Math.floor(closedMs / contactSliceMs);
    if (slice <= this.closedSlice) return;
    this.closedSlice = slice;
    const day = Math.floor(closedMs / dayMs);
    this.sources.dropDaysBefore(day - 1);
    this.starts.close(closedMs);
    dropBefore(this.services, day - 1);
    this.crowds.close(slice);
    this.facts.close(closedMs);
    for (const windows of this.hot)
      for (const [text, window] of windows)
        if (sliceEndMs(window) < closedMs - hotKeptMs) windows.delete(text);
  }
}

function dropBefore(map: Map<number, unknown>, first: number): void {
  for (const key of map.keys()) if (key < first) map.delete(key);
}

function hotText(window: HotWindow): string {
  if (window.kind === "source") return `s${window.slice}|${window.source}`;
  if (window.kind === "crowd") return `c${window.key.slice}|${window.key.kind}|${window.key.subject}`;
  if (window.kind === "facts") return `f${window.facts.id}|${window.slice}|${window.subject}`;
  return `b${window.slice}|${window.direction}|${window.host}`;
}
