import type { AddressKey } from "../../windows/address-key.js";
import type { FactKind, FactWindow } from "../../windows/fact-window.js";
import {
  defaultWindowLimits,
  type CrowdKey,
  type CrowdWindow,
  type HotWindow,
  type Observations,
  type SourceWindow,
  type StartDirection,
  type WindowLimits,
  type WindowStore,
  type WindowStoreCounters,
} from "../../windows/window-store.js";
import { redisScript, type RedisConnection, type RedisReply } from "./redis-connection.js";
import { list } from "./redis-reply.js";
import { SipHash } from "./sip-hash.js";
import { CrowdReader } from "./windows/crowd-reader.js";
import { HotReader } from "./windows/hot-reader.js";
import { MergeEncoder } from "./windows/merge-encoder.js";
import { mergeLua } from "./windows/merge-lua.js";
import {
  cutItems,
  GrownWindows,
  groupByTtls,
  grownHash,
  planMerge,
  slicesOf,
  type MergeItem,
} from "./windows/merge-plan.js";
import { PartitionReads } from "./windows/partition-reads.js";
import { RecentExpiries } from "./windows/recent-expiries.js";
import { StartReader } from "./windows/start-reader.js";
import type { CallTtls } from "./windows/window-keys.js";
import { WindowReader } from "./windows/window-reader.js";

const merge = redisScript(mergeLua);
/** Entries of one script call: a few milliseconds, in which nobody else is served. */
const weightPerCallMax = 2_000;

/**
 * Windows in Redis, shared by any number of correlators. One script a partition
 * and micro-batch, so a merge is atomic in each partition; a merge that fails
 * half way may be done again. Where Redis lost its data, `stateEpoch` changes.
 */
export class RedisWindowStore implements WindowStore {
  readonly counters: WindowStoreCounters = { contactsRefused: 0, crowdSourcesRefused: 0, startsRefused: 0, factsRefused: 0 };
  private readonly grown = new GrownWindows();
  private readonly expiries = new RecentExpiries();
  private readonly encoder: MergeEncoder;
  private readonly windows: WindowReader;
  private readonly starts: StartReader;
  private readonly crowds: CrowdReader;
  private readonly hot: HotReader;
  private knownEpoch = -1;
  private hash = new SipHash(new Uint8Array(16));

  constructor(
    private readonly connection: RedisConnection,
    limits: WindowLimits = defaultWindowLimits,
  ) {
    this.encoder = new MergeEncoder(limits, this.expiries);
    const reads = new PartitionReads(connection);
    this.windows = new WindowReader(reads);
    this.starts = new StartReader(reads);
    this.crowds = new CrowdReader(connection, reads);
    this.hot = new HotReader(connection, this.crowds);
  }

  get stateEpoch(): number {
    return this.connection.stateEpoch;
  }

  async merge(observations: Observations): Promise<HotWindow[]> {
    for (;;) {
      this.followEpoch();
      const same = this.connection.isSameState();
      const merged = this.mergeAll(observations);
      try {
        const [isSame, hot] = await Promise.all([same, merged]);
        if (isSame) return hot;
      } catch (error) {
        this.forget();
        throw error;
      }
      await this.connection.renewState();
    }
  }

  readSources(sources: readonly AddressKey[], fromDay: number, toDay: number): Promise<SourceWindow[]> {
    return Promise.all(sources.map((source) => this.windows.source(source, fromDay, toDay)));
  }

  readCrowds(keys: readonly CrowdKey[]): Promise<CrowdWindow[]> {
    return Promise.all(keys.map((key) => this.crowds.read(key)));
  }

  readCrowdHistory(key: CrowdKey): Promise<ReadonlyMap<number, number>> {
    return this.crowds.history(key);
  }

  readServices(
    services: readonly { destination: AddressKey; protocol: number; port: number }[],
    day: number,
  ): Promise<boolean[]> {
    return Promise.all(services.map((service) => this.windows.isService(service, day)));
  }

  readStarts(
    host: AddressKey,
    direction: StartDirection,
    fromSlice: number,
    toSlice: number,
  ): Promise<Float64Array> {
    this.followEpoch();
    return this.starts.read(host, direction, fromSlice, toSlice);
  }

  /** Not shared through Redis yet: every fact counts as refused. */
  readFacts(_kind: FactKind, _subject: string, _from: number, _to: number): Promise<FactWindow[]> {
    return Promise.resolve([]);
  }

  readHot(partition: number, afterMs: number, untilMs: number): Promise<HotWindow[]> {
    return this.hot.read(partition, afterMs, untilMs);
  }

  /** The connection belongs to whoever made it. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Merges items that were read from a store before; the key of each lies in `partition`. */
  async restore(partition: number, items: readonly MergeItem[]): Promise<void> {
    this.followEpoch();
    await this.mergePartition(partition, items);
  }

  private followEpoch(): void {
    if (this.knownEpoch === this.connection.stateEpoch) return;
    this.knownEpoch = this.connection.stateEpoch;
    this.forget();
    this.hash = new SipHash(this.connection.secret);
  }

  private forget(): void {
    this.grown.clear();
    this.expiries.clear();
    this.starts.clear();
  }

  private async mergeAll(observations: Observations): Promise<HotWindow[]> {
    this.counters.factsRefused += observations.facts.length;
    const calls: Promise<HotWindow[]>[] = [];
    for (const [partition, items] of planMerge(observations, this.grown).entries())
      calls.push(this.mergePartition(partition, items));
    return (await Promise.all(calls)).flat();
  }

  private async mergePartition(partition: number, items: readonly MergeItem[]): Promise<HotWindow[]> {
    const nowMs = Date.now();
    this.expiries.advance(nowMs);
    const calls: Promise<HotWindow[]>[] = [];
    for (const { ttls, items: alike } of groupByTtls(items, nowMs))
      for (const some of cutItems(alike, weightPerCallMax))
        calls.push(this.mergeItems(partition, some, ttls));
    return (await Promise.all(calls)).flat();
  }

  private async mergeItems(
    partition: number,
    unordered: readonly MergeItem[],
    ttls: CallTtls,
  ): Promise<HotWindow[]> {
    const { keys, argument, items } = this.encoder.encode(partition, unordered, this.hash, ttls);
    const [contacts, sources, starts, hots, retries] = list(
      await this.connection.run(merge, keys, [argument]),
    );
    this.counters.contactsRefused += Number(contacts);
    this.counters.crowdSourcesRefused += Number(sources);
    this.counters.startsRefused += Number(starts);
    const hot = itemsAt(items, hots).flatMap(hotWindows);
    const again = itemsAt(items, retries);
    if (again.length === 0) return hot;
    for (const item of again) this.lengthen(item);
    return [...hot, ...(await this.mergeItems(partition, again, ttls))];
  }

  private lengthen(item: MergeItem): void {
    if (item.type !== "contacts" && item.type !== "crowd") return;
    item.isLong = true;
    this.grown.add(grownHash(item));
  }
}

function itemsAt(items: readonly MergeItem[], numbers: RedisReply): MergeItem[] {
  return list(numbers).map((number) => items[Number(number)]);
}

function hotWindows(item: MergeItem): HotWindow[] {
  if (item.type === "contacts")
    return [...slicesOf(item.contacts)].map((slice) => ({ kind: "source", source: item.source, slice }));
  if (item.type === "crowd")
    return [{ kind: "crowd", key: { kind: item.kind, subject: item.subject, slice: item.slice } }];
  if (item.type === "start") {
    const { host, direction, slice } = item.start;
    return [{ kind: "starts", host, direction, slice }];
  }
  return [];
}
