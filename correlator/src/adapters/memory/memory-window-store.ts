import type { AddressKey } from "../../windows/address-key.js";
import type { FactKind, FactWindow } from "../../windows/fact-window.js";
import type { SourceContacts } from "../../windows/source-contacts.js";
import {
  newWindowCounters,
  type CrowdKey,
  type CrowdWindow,
  type HotWindow,
  type Observations,
  type Silence,
  type SourceWindow,
  type StartDirection,
  type WindowLimits,
  type WindowStore,
} from "../../windows/window-store.js";
import { WindowView } from "../../windows/window-view.js";

/** Windows in this process's memory: the store of embedded mode, analyze and backtest. */
export class MemoryWindowStore implements WindowStore {
  readonly counters = newWindowCounters();
  readonly stateEpoch = 0;
  private readonly view: WindowView;

  /** @param key 16 secret bytes where others choose the traffic; see `WindowView` */
  constructor(limits?: WindowLimits, key?: Uint8Array) {
    this.view = new WindowView(this.counters, limits, key);
  }

  merge(observations: Observations): Promise<HotWindow[]> {
    return Promise.resolve(this.view.merge(observations));
  }

  readSources(sources: readonly AddressKey[], fromDay: number, toDay: number): Promise<SourceWindow[]> {
    return Promise.resolve(sources.map((source) => this.view.readSource(source, fromDay, toDay)));
  }

  readContacts(sources: readonly AddressKey[], untilMs: number): Promise<SourceContacts[]> {
    return Promise.resolve(sources.map((source) => this.view.readContacts(source, untilMs)));
  }

  readCrowds(keys: readonly CrowdKey[]): Promise<CrowdWindow[]> {
    return Promise.resolve(keys.map((key) => this.view.readCrowd(key)));
  }

  readCrowdHistory(key: CrowdKey): Promise<ReadonlyMap<number, number>> {
    return Promise.resolve(this.view.readCrowdHistory(key));
  }

  readServices(
    services: readonly { destination: AddressKey; protocol: number; port: number }[],
    day: number,
  ): Promise<boolean[]> {
    return Promise.resolve(services.map((service) => this.view.isService(service, day)));
  }

  readSilences(
    contacts: readonly { destination: AddressKey; protocol: number; port: number }[],
    untilMs: number,
  ): Promise<Silence[]> {
    return Promise.resolve(contacts.map((contact) => this.view.readSilence(contact, untilMs)));
  }

  readStarts(
    host: AddressKey,
    direction: StartDirection,
    fromSlice: number,
    toSlice: number,
  ): Promise<Float64Array> {
    return Promise.resolve(this.view.readStarts(host, direction, fromSlice, toSlice));
  }

  readFacts(kind: FactKind, subject: string, fromSlice: number, toSlice: number): Promise<FactWindow[]> {
    return Promise.resolve(this.view.readFacts(kind, subject, fromSlice, toSlice));
  }

  readHot(partition: number, afterMs: number, untilMs: number): Promise<HotWindow[]> {
    return Promise.resolve(this.view.readHot(partition, afterMs, untilMs));
  }

  forget(closedMs: number): void {
    this.view.forget(closedMs);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
