import { setTimeout as delay } from "node:timers/promises";
import { jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import type { KV, KvEntry } from "@nats-io/kv";
import type { AppliedBatch, RejectedBatch, ReportedGap } from "../../sensors/batch-account.js";
import type { GapLedger } from "../../sensors/gap-ledger.js";
import { silentAfterMs, sensorStates } from "../../sensors/sensor-registry.js";
import type { SensorRecord, SensorRegistry } from "../../sensors/sensor-registry.js";
import type { RedisSensorTotals, SensorTotals } from "../redis/redis-sensor-totals.js";
import { AppliedPublisher } from "./applied-publisher.js";
import { GapHistory } from "./gap-history.js";
import { natsFailure } from "./nats-failure.js";
import type { NatsLink } from "./nats-link.js";
import { sensorsBucket } from "./subjects.js";
import { untilAborted } from "../../until-aborted.js";

export interface NatsSensorRegistryOptions {
  /** Sensors kept; another one is counted and not kept. */
  readonly sensorsMax?: number;
  /** An unchanged sensor's record is stored at most this often, milliseconds. */
  readonly storeEveryMs?: number;
  /** Gaps are also written here, for the coverage of their time. */
  readonly ledger?: GapLedger;
}

const defaults = { sensorsMax: 10_000, storeEveryMs: 5000 };
const restAfterFailureMs = 500;
const firstReadMs = 2000;

const noStatusYet: Omit<SensorRecord, "name"> = {
  state: "silent",
  detail: "no status yet",
  version: "",
  host: "",
  interfaces: [],
  hostAddresses: [],
  startedMs: 0,
  lastStatusMs: 0,
  clockSkewMs: 0,
  counters: {},
  policyRevision: 0,
  packetsPerSecond: 0,
  appliedRecords: 0,
  lostRecords: 0,
};

/**
 * The sensors of the fleet: what each last said of itself in a NATS bucket,
 * which every process follows, and the totals of its records in Redis.
 */
export class NatsSensorRegistry implements SensorRegistry {
  readonly #counters = { sensorsRefused: 0 };
  readonly #link: NatsLink;
  readonly #totals: RedisSensorTotals;
  readonly #options: typeof defaults;
  readonly #stop = new AbortController();
  readonly #records = new Map<string, SensorRecord>();
  readonly #storedMs = new Map<string, number>();
  readonly #applied: AppliedPublisher;
  readonly #gaps: GapHistory;
  readonly #ledger: GapLedger | undefined;
  #knownTotals = new Map<string, SensorTotals>();
  #following: Promise<void> | undefined;
  #firstRead: Promise<void> | undefined;

  constructor(link: NatsLink, totals: RedisSensorTotals, options: NatsSensorRegistryOptions = {}) {
    this.#link = link;
    this.#totals = totals;
    this.#options = { ...defaults, ...options };
    this.#applied = new AppliedPublisher(link, (epochs) => totals.floors(epochs));
    this.#ledger = options.ledger;
    this.#gaps = new GapHistory(link, (gaps) => this.#countGaps(gaps));
  }

  get counters(): Readonly<Record<string, number>> {
    return { ...this.#counters, ...this.#applied.counters, ...this.#totals.counters };
  }

  /** Begins to follow what other processes store; done by the first use as well. */
  start(): void {
    this.#following ??= this.#follow();
  }

  async list(nowMs: number): Promise<SensorRecord[]> {
    this.start();
    if (this.#link.isConnected) await this.#readOnce();
    this.#knownTotals = await this.#totals.read().catch(() => this.#knownTotals);
    const names = new Set([...this.#records.keys(), ...this.#knownTotals.keys()]);
    return [...names].sort().map((name) => this.#resolve(name, nowMs));
  }

  async recordStatus(record: SensorRecord): Promise<void> {
    if (!this.#remember(record)) return;
    const { name, lastStatusMs } = record;
    const stored = this.#storedMs.get(name) ?? Number.NEGATIVE_INFINITY;
    if (lastStatusMs - stored < this.#options.storeEveryMs) return;
    this.#storedMs.set(name, lastStatusMs);
    try {
      await (await openBucket(this.#link)).put(name, JSON.stringify(record));
    } catch (error) {
      this.#storedMs.delete(name);
      throw natsFailure(error, `store the status of ${name}`);
    }
  }

  /** The first batch after a loss of the sums brings back the gaps; batches come back as they are replayed. */
  async recordApplied(batches: readonly AppliedBatch[]): Promise<void> {
    this.#gaps.recount(this.#totals.stateEpoch);
    await this.#totals.addBatches(batches);
    for (const batch of batches) this.#applied.note(batch);
  }

  async recordGaps(gaps: readonly ReportedGap[]): Promise<void> {
    await this.#countGaps(gaps);
    for (const gap of gaps) this.#applied.note(gap);
  }

  async #countGaps(gaps: readonly ReportedGap[]): Promise<void> {
    await Promise.all([this.#totals.addGaps(gaps), this.#ledger?.record(gaps)]);
  }

  recordRejected(batches: readonly RejectedBatch[]): Promise<void> {
    return this.#totals.addRejected(batches);
  }

  recordLost(name: string, records: number, _reason: string): Promise<void> {
    return this.#totals.addLost(name, records);
  }

  /** The stream drops batches of these sensors before they are applied; stands for a minute. */
  recordOverQuota(names: readonly string[]): Promise<void> {
    return this.#totals.noteOverQuota(names);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#applied.close(), this.#gaps.close()]);
    await this.#following;
  }

  /** False when it is not kept. A change that a person wants to see soon is stored at once. */
  #remember(record: SensorRecord): boolean {
    const known = this.#records.get(record.name);
    if (known === undefined && this.#records.size >= this.#options.sensorsMax) {
      this.#counters.sensorsRefused++;
      return false;
    }
    if (known !== undefined && known.lastStatusMs > record.lastStatusMs) return false;
    this.#records.set(record.name, record);
    const isChanged =
      known?.state !== record.state ||
      known.detail !== record.detail ||
      known.policyRevision !== record.policyRevision;
    if (isChanged) this.#storedMs.delete(record.name);
    return true;
  }

  #resolve(name: string, nowMs: number): SensorRecord {
    const record = this.#records.get(name) ?? { ...noStatusYet, name };
    const totals = this.#knownTotals.get(name);
    const isSilent = record.state !== "stopped" && nowMs - record.lastStatusMs > silentAfterMs;
    return {
      ...record,
      ...(totals?.isOverQuota ? overQuota(record) : {}),
      ...(isSilent ? { state: "silent" } : {}),
      appliedRecords: totals?.applied ?? 0,
      lostRecords: totals?.lost ?? 0,
      rejectedBatches: totals?.rejected ?? {},
      appliedSinceMs: totals?.sinceMs ?? 0,
    };
  }

  /** Everything stored so far, once; a server that is slow is not waited for. */
  async #readOnce(): Promise<void> {
    this.#firstRead ??= this.#readAll().catch(() => {
      this.#firstRead = undefined;
    });
    await Promise.race([this.#firstRead, delay(firstReadMs, undefined, { ref: false })]);
  }

  async #readAll(): Promise<void> {
    const bucket = await openBucket(this.#link);
    for await (const entry of await bucket.history({ key: ">" })) this.#take(entry);
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if ((await untilAborted(this.#link.ready(), signal)) !== undefined)
          await this.#followUntilLost(signal);
      } catch {
        await delay(restAfterFailureMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  /** Ends when the connection was lost and came back: what changed meanwhile is then read anew. */
  async #followUntilLost(signal: AbortSignal): Promise<void> {
    const entries = await (await openBucket(this.#link)).watch();
    const stop = (): void => entries.stop();
    const forgetLink = this.#link.onConnected(stop);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    try {
      for await (const entry of entries) this.#take(entry);
    } finally {
      forgetLink();
      signal.removeEventListener("abort", stop);
      stop();
    }
  }

  #take(entry: KvEntry): void {
    const record = parseEntry(entry);
    if (record !== undefined && this.#remember(record)) this.#storedMs.set(record.name, record.lastStatusMs);
  }
}

/** What an operator must see, whatever the sensor says of itself. */
function overQuota({ state, detail }: SensorRecord): Pick<SensorRecord, "state" | "detail"> {
  const said = "sends more than its quota: batches are dropped before they are applied";
  return {
    state: state === "running" ? "degraded" : state,
    detail: detail === "" ? said : `${said}; ${detail}`,
  };
}

async function openBucket(link: NatsLink): Promise<KV> {
  return await new Kvm(jetstream(link.current())).open(sensorsBucket, { allow_direct: true });
}

/** Written by our own processes; a record of a newer version may lack or add fields. */
function parseEntry(entry: KvEntry): SensorRecord | undefined {
  if (entry.operation !== "PUT") return undefined;
  try {
    const record = {
      ...noStatusYet,
      ...(JSON.parse(entry.string()) as Partial<SensorRecord>),
      name: entry.key,
    };
    return sensorStates.includes(record.state) ? record : undefined;
  } catch {
    return undefined;
  }
}
