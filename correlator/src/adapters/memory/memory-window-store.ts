import type { AddressKey } from "../../windows/address-key.js";
import { serviceKey } from "../../windows/contact-key.js";
import {
  contactSliceMs,
  dayMs,
  defaultWindowLimits,
  hotSourcesMin,
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
import { MemorySourceWindows } from "./memory-source-windows.js";
import { MemoryStartWindows } from "./memory-start-windows.js";

/** Kept behind the closed slices, by event time, as the time to live of the shared store. */
const crowdSlicesKept = 6;
const historySlicesKept = 7 * 144;
/** Services remembered of one UTC day. */
const servicesMax = 1_000_000;
const hotKeptMs = 2 * 3_600_000;

interface Crowd {
  readonly key: CrowdKey;
  readonly sources: Set<AddressKey>;
  readonly refused: Set<AddressKey>;
}

/** Windows in this process's memory: the store of embedded mode, analyze and backtest. */
export class MemoryWindowStore implements WindowStore {
  readonly counters: WindowStoreCounters = { contactsRefused: 0, crowdSourcesRefused: 0, startsRefused: 0 };
  readonly stateEpoch = 0;
  private readonly sources: MemorySourceWindows;
  private readonly services = new Map<number, Set<string>>();
  private readonly crowds = new Map<number, Map<string, Crowd>>();
  private readonly history = new Map<string, Map<number, number>>();
  private readonly starts: MemoryStartWindows;
  /** Hot windows of each partition by identity. */
  private readonly hot: Map<string, HotWindow>[] = Array.from({ length: partitionCount }, () => new Map());
  /** Contact slices before this one are closed; what is kept hangs on it. */
  private closedSlice = 0;
  /** Until when each partition's hot windows were read to close them. */
  private readonly readUntilMs = new Float64Array(partitionCount);

  constructor(private readonly limits: WindowLimits = defaultWindowLimits) {
    this.sources = new MemorySourceWindows(limits, this.counters);
    this.starts = new MemoryStartWindows(limits, this.counters);
  }

  merge(observations: Observations): Promise<HotWindow[]> {
    const touched: HotWindow[] = [];
    for (const contact of observations.failed) this.mergeFailed(contact, touched);
    for (const contact of observations.answered) this.mergeAnswered(contact);
    for (const crowd of observations.crowds) this.mergeCrowd(crowd, touched);
    for (const start of observations.starts) this.mergeStart(start, touched);
    return Promise.resolve(touched);
  }

  readSources(sources: readonly AddressKey[], fromDay: number, toDay: number): Promise<SourceWindow[]> {
    return Promise.resolve(sources.map((source) => this.sources.read(source, fromDay, toDay)));
  }

  readCrowds(keys: readonly CrowdKey[]): Promise<CrowdWindow[]> {
    return Promise.resolve(
      keys.map((key) => {
        const crowd = this.crowds.get(key.slice)?.get(crowdText(key));
        if (crowd === undefined) return { key, sources: [], count: 0 };
        return { key, sources: [...crowd.sources], count: crowd.sources.size + crowd.refused.size };
      }),
    );
  }

  readCrowdHistory(key: CrowdKey): Promise<ReadonlyMap<number, number>> {
    const counts = this.history.get(crowdText(key)) ?? new Map<number, number>();
    return Promise.resolve(new Map([...counts].filter(([slice]) => slice < key.slice)));
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
    if (!this.sources.mergeFailed(contact)) return;
    const slice = Math.floor(contact.timeMs / contactSliceMs);
    this.markHot({ kind: "source", source: contact.source, slice }, touched);
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
    const crowd = this.crowd(observation);
    if (!crowd.sources.has(observation.source)) this.addToCrowd(crowd, observation.source);
    const { kind, subject, slice } = observation;
    const window: HotWindow = { kind: "crowd", key: { kind, subject, slice } };
    if (crowd.sources.size >= hotSourcesMin) {
      this.markHot(window, touched);
      this.markHot({ kind: "crowd", key: { kind, subject, slice: slice + 1 } }, []);
    } else if (this.hot[partitionOf(subject)].has(hotText(window))) touched.push(window);
  }

  private addToCrowd(crowd: Crowd, source: AddressKey): void {
    if (crowd.sources.size < this.limits.sourcesPerCrowdMax) crowd.sources.add(source);
    else if (crowd.refused.size < 65_536 && !crowd.refused.has(source)) {
      crowd.refused.add(source);
      this.counters.crowdSourcesRefused++;
    }
    const count = crowd.sources.size + crowd.refused.size;
    if (count < hotSourcesMin) return;
    const text = crowdText(crowd.key);
    let counts = this.history.get(text);
    if (counts === undefined) this.history.set(text, (counts = new Map()));
    counts.set(crowd.key.slice, count);
  }

  private mergeStart(start: StartObservation, touched: HotWindow[]): void {
    if (!this.starts.merge(start)) return;
    this.markHot(
      { kind: "starts", host: start.host, direction: start.direction, slice: start.slice },
      touched,
    );
  }

  private markHot(window: HotWindow, touched: HotWindow[]): void {
    this.hot[partitionOf(hotWindowKey(window))].set(hotText(window), window);
    touched.push(window);
  }

  private crowd(observation: CrowdObservation): Crowd {
    const { kind, subject, slice } = observation;
    let crowds = this.crowds.get(slice);
    if (crowds === undefined) this.crowds.set(slice, (crowds = new Map()));
    const text = kind + subject;
    let crowd = crowds.get(text);
    if (crowd === undefined) {
      crowd = { key: { kind, subject, slice }, sources: new Set(), refused: new Set() };
      crowds.set(text, crowd);
    }
    return crowd;
  }

  private prune(closedMs: number): void {
    const slice = Math.floor(closedMs / contactSliceMs);
    if (slice <= this.closedSlice) return;
    this.closedSlice = slice;
    const day = Math.floor(closedMs / dayMs);
    this.sources.dropDaysBefore(day - 1);
    this.starts.close(closedMs);
    dropBefore(this.services, day - 1);
    dropBefore(this.crowds, slice - crowdSlicesKept);
    for (const [text, counts] of this.history) {
      dropBefore(counts, slice - historySlicesKept);
      if (counts.size === 0) this.history.delete(text);
    }
    for (const windows of this.hot)
      for (const [text, window] of windows)
        if (sliceEndMs(window) < closedMs - hotKeptMs) windows.delete(text);
  }
}

function dropBefore(map: Map<number, unknown>, first: number): void {
  for (const key of map.keys()) if (key < first) map.delete(key);
}

function crowdText(key: { readonly kind: string; readonly subject: string }): string {
  return key.kind + key.subject;
}

function hotText(window: HotWindow): string {
  if (window.kind === "source") return `s${window.slice}|${window.source}`;
  if (window.kind === "crowd") return `c${window.key.slice}|${window.key.kind}|${window.key.subject}`;
  return `b${window.slice}|${window.direction}|${window.host}`;
}
