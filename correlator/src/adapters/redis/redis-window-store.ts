import { factKind } from "../../detectors/fact-detectors.js";
import type { AddressKey } from "../../windows/address-key.js";
import type { FactKind, FactWindow } from "../../windows/fact-window.js";
import type { SourceContacts } from "../../windows/source-contacts.js";
import { Probation } from "../../windows/probation.js";
import {
  dayMs,
  defaultWindowLimits,
  newWindowCounters,
  type ContactObservation,
  type CrowdCount,
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
import type { RedisConnection } from "./redis-connection.js";
import { FactBudget } from "./window-log/fact-budget.js";
import { factPart, shardCount, shardOf, type LogPart } from "./window-log/log-keys.js";
import { readRecords, type RecordSink } from "./window-log/record-reader.js";
import { RecordWriter } from "./window-log/record-writer.js";
import { WindowLog, type LogEntry } from "./window-log/window-log.js";

/**
 * Bytes of contacts of one UTC day in a shard from which on a new source must
 * fail at two things to be let in, and from which on none is: 32 MiB a day in
 * all, 1.4 million contacts, and half as much again.
 */
const shardBytesPerDayMax = 2 * 1024 * 1024;
const shardBytesPerDayLimit = 3 * 1024 * 1024;
/** Of the contacts of a source that has more than can be counted, one in so many is written: it goes on. */
const fullSampling = 64;
/** Bytes of a fact's record besides its texts. */
const factBytes = 22;
/** Bytes of one entry; what comes after them makes another. */
const entryBytesMax = 64 * 1024;

/**
 * Windows shared by any number of correlators: a log in Redis of everything that
 * was observed, which each correlator folds into a view of its own. A merge
 * appends, reads what it and the others appended since, and folds that. The
 * folds commute and repeat without effect, so all views are the same; a view can
 * be lost at any time. Where Redis lost its data, `stateEpoch` changes.
 */
export class RedisWindowStore implements WindowStore {
  readonly counters = { ...newWindowCounters(), entriesUnreadable: 0 };
  private readonly log: WindowLog;
  private view: WindowView;
  private readonly sink: RecordSink;
  private knownEpoch = -1;
  /** Event time of the newest contact that was read. */
  private newestMs = 0;
  /** What was forgotten is not kept when the log is read again. */
  private closedMs = 0;
  private readonly contactBytes = new DayBytes();
  private readonly factBudget = new FactBudget();
  private readonly probation = new Probation();
  /** Shard of the entry that is folded. */
  private foldedShard = 0;
  private isLoaded = false;
  private reading: Promise<boolean> | undefined;
  private readonly ownHot = new Set<HotWindow>();

  /** @param kindOf kinds of facts by their number */
  constructor(
    private readonly connection: RedisConnection,
    private readonly limits: WindowLimits = defaultWindowLimits,
    private readonly kindOf: (id: number) => FactKind | undefined = factKind,
  ) {
    this.log = new WindowLog(connection);
    this.view = new WindowView(this.counters, limits);
    this.sink = this.newSink();
  }

  get stateEpoch(): number {
    return this.connection.stateEpoch;
  }

  async merge(observations: Observations): Promise<HotWindow[]> {
    for (;;) {
      this.followEpoch();
      const same = this.connection.isSameState();
      const [isSame] = await Promise.all([same, this.append(observations)]);
      if (!isSame) {
        await this.connection.renewState();
        continue;
      }
      await this.catchUp();
      return this.takeOwnHot();
    }
  }

  async readSources(sources: readonly AddressKey[], fromDay: number, toDay: number): Promise<SourceWindow[]> {
    await this.whenLoaded();
    return sources.map((source) => this.view.readSource(source, fromDay, toDay));
  }

  async readContacts(sources: readonly AddressKey[], untilMs: number): Promise<SourceContacts[]> {
    await this.whenLoaded();
    return sources.map((source) => this.view.readContacts(source, untilMs));
  }

  async readCrowds(keys: readonly CrowdKey[]): Promise<CrowdWindow[]> {
    await this.whenLoaded();
    return keys.map((key) => this.view.readCrowd(key));
  }

  async readCrowdHistory(key: CrowdKey): Promise<ReadonlyMap<number, number>> {
    await this.whenLoaded();
    return this.view.readCrowdHistory(key);
  }

  async readServices(
    services: readonly { destination: AddressKey; protocol: number; port: number }[],
    day: number,
  ): Promise<boolean[]> {
    await this.whenLoaded();
    return services.map((service) => this.view.isService(service, day));
  }

  async readSilences(
    contacts: readonly { destination: AddressKey; protocol: number; port: number }[],
    untilMs: number,
  ): Promise<Silence[]> {
    await this.whenLoaded();
    return contacts.map((contact) => this.view.readSilence(contact, untilMs));
  }

  async readStarts(
    host: AddressKey,
    direction: StartDirection,
    fromSlice: number,
    toSlice: number,
  ): Promise<Float64Array> {
    await this.whenLoaded();
    return this.view.readStarts(host, direction, fromSlice, toSlice);
  }

  async readFacts(
    kind: FactKind,
    subject: string,
    fromSlice: number,
    toSlice: number,
  ): Promise<FactWindow[]> {
    await this.whenLoaded();
    return this.view.readFacts(kind, subject, fromSlice, toSlice);
  }

  /** Reads everything that was acknowledged before; appends the counts of the crowds among the windows. */
  async readHot(partition: number, afterMs: number, untilMs: number): Promise<HotWindow[]> {
    await this.catchUp();
    const hot = this.view.readHot(partition, afterMs, untilMs);
    await this.appendCounts(this.view.newCrowdCounts(hot));
    return hot;
  }

  forget(closedMs: number): void {
    this.closedMs = Math.max(this.closedMs, closedMs);
    this.view.forget(closedMs);
  }

  /** The connection belongs to whoever made it. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Appends records that were read from a log before. */
  async restore(part: LogPart, shard: number, payload: Buffer): Promise<void> {
    this.followEpoch();
    await this.log.append(part, shard, payload, Date.now());
  }

  private followEpoch(): void {
    if (this.knownEpoch === this.connection.stateEpoch) return;
    this.knownEpoch = this.connection.stateEpoch;
    this.log.rewind();
    this.view = new WindowView(this.counters, this.limits, this.connection.secret);
    this.newestMs = 0;
    this.closedMs = 0;
    this.contactBytes.clear();
    this.factBudget.clear();
    this.probation.clear();
    this.isLoaded = false;
    this.ownHot.clear();
  }

  private async append(observations: Observations): Promise<void> {
    const contacts = new ShardWriters();
    for (const contact of observations.failed)
      if (this.isAdmitted(contact)) contacts.of(contact.source).contact(contact, true);
      else this.counters.contactsRefused++;
    for (const contact of observations.answered) contacts.of(contact.source).contact(contact, false);
    const starts = new ShardWriters();
    for (const start of observations.starts) starts.of(start.host).start(start);
    const facts = { rates: new ShardWriters(), facts: new ShardWriters(), daily: new ShardWriters() };
    for (const fact of observations.facts)
      if (this.factBudget.admits(fact.kind, shardOf(fact.subject), fact.timeMs))
        facts[factPart(fact.kind)].of(fact.subject).fact(fact);
      else this.counters.factsRefused++;
    await Promise.all([
      this.appendAll("contacts", contacts),
      this.appendAll("starts", starts),
      this.appendAll("rates", facts.rates),
      this.appendAll("facts", facts.facts),
      this.appendAll("daily", facts.daily),
    ]);
  }

  /** When a day's log is full, sources that never failed before are on probation, then refused. */
  private isAdmitted(contact: ContactObservation): boolean {
    const { source, timeMs, port } = contact;
    if (this.view.isFullSource(contact)) return port % fullSampling === 0;
    const day = Math.floor(timeMs / dayMs);
    const bytes = this.contactBytes.get(day, shardOf(source));
    if (bytes < shardBytesPerDayMax) return true;
    if (this.view.isKnownSource(source, day) || this.view.isKnownSource(source, day - 1)) return true;
    return bytes < shardBytesPerDayLimit && this.probation.passes(contact);
  }

  private async appendCounts(counts: readonly CrowdCount[]): Promise<void> {
    if (counts.length === 0) return;
    const writers = new ShardWriters();
    for (const count of counts) writers.of(count.subject).count(count);
    await this.appendAll("counts", writers);
  }

  private async appendAll(part: LogPart, writers: ShardWriters): Promise<void> {
    const nowMs = Date.now();
    const appends: Promise<void>[] = [];
    for (const { shard, payload } of writers.take())
      appends.push(this.log.append(part, shard, payload, nowMs));
    await Promise.all(appends);
  }

  private async whenLoaded(): Promise<void> {
    this.followEpoch();
    if (!this.isLoaded) await this.catchUp();
  }

  /** Folds everything appended before the call. A read under way began too early to count. */
  private async catchUp(): Promise<void> {
    this.followEpoch();
    await this.reading?.catch(() => {});
    for (;;) {
      this.reading ??= this.readOnce().finally(() => (this.reading = undefined));
      if (!(await this.reading)) break;
    }
    this.isLoaded = true;
  }

  /** True when there may be more. */
  private async readOnce(): Promise<boolean> {
    const epoch = this.knownEpoch;
    const entries = await this.log.read();
    if (epoch !== this.knownEpoch) return true;
    for (const entry of entries) this.fold(entry);
    if (!this.isLoaded) this.view.forget(this.closedMs);
    return entries.length > 0;
  }

  private fold({ part, shard, payload, isOwn }: LogEntry): void {
    this.foldedShard = shard;
    if (!readRecords(payload, this.kindOf, this.sink)) this.counters.entriesUnreadable++;
    if (part === "contacts") this.contactBytes.add(Math.floor(this.newestMs / dayMs), shard, payload.length);
    const touched = this.view.takeTouched();
    if (isOwn) for (const window of touched) this.ownHot.add(window);
  }

  private newSink(): RecordSink {
    return {
      failed: (contact) => {
        this.newestMs = Math.max(this.newestMs, contact.timeMs);
        this.view.mergeFailed(contact);
      },
      answered: (contact) => this.view.mergeAnswered(contact),
      start: (start) => this.view.mergeStart(start),
      fact: (fact) => {
        const { kind, subject, member, timeMs } = fact;
        this.factBudget.add(kind, this.foldedShard, timeMs, factBytes + subject.length + member.length);
        this.view.mergeFact(fact);
      },
      count: (count) => this.view.mergeHistory(count),
    };
  }

  private takeOwnHot(): HotWindow[] {
    const hot = [...this.ownHot];
    this.ownHot.clear();
    return hot;
  }
}

/** Bytes by day and shard, of the newest days. */
class DayBytes {
  private readonly days = new Map<number, Float64Array>();

  get(day: number, shard: number): number {
    return this.days.get(day)?.[shard] ?? 0;
  }

  add(day: number, shard: number, bytes: number): void {
    let shards = this.days.get(day);
    if (shards === undefined) {
      for (const past of this.days.keys()) if (past < day - 2) this.days.delete(past);
      this.days.set(day, (shards = new Float64Array(shardCount)));
    }
    shards[shard] += bytes;
  }

  clear(): void {
    this.days.clear();
  }
}

/** Records of one part by shard, cut into entries. */
class ShardWriters {
  private readonly writers: (RecordWriter | undefined)[] = Array.from({ length: shardCount });
  private readonly full: { shard: number; payload: Buffer }[] = [];

  /** Where the record of the window with this key goes. */
  of(key: string): RecordWriter {
    const shard = shardOf(key);
    const writer = (this.writers[shard] ??= new RecordWriter());
    if (writer.length >= entryBytesMax) this.full.push({ shard, payload: writer.take() });
    return writer;
  }

  take(): { shard: number; payload: Buffer }[] {
    const entries = this.full;
    for (const [shard, writer] of this.writers.entries())
      if (writer !== undefined && writer.length > 0) entries.push({ shard, payload: writer.take() });
    return entries;
  }
}
