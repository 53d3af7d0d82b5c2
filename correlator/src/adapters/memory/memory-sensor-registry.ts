import {
  gapIdentity,
  type AppliedBatch,
  type RejectedBatch,
  type ReportedGap,
} from "../../sensors/batch-account.js";
import { SequenceSet } from "../../sensors/sequence-set.js";
import { silentAfterMs, type SensorRecord, type SensorRegistry } from "../../sensors/sensor-registry.js";

/** What came of one sensor's batches. */
class Totals {
  applied = 0;
  lost = 0;
  sinceMs = 0;
  readonly rejected = new Map<string, number>();
  /** By epoch. */
  readonly sequences = new Map<string, SequenceSet>();
  /** Identities of gaps and rejected messages that are counted. */
  readonly counted = new Set<string>();

  addBatch({ epoch, sequence, records, ingestMs }: AppliedBatch): void {
    let seen = this.sequences.get(epoch);
    if (seen === undefined) {
      seen = new SequenceSet();
      this.sequences.set(epoch, seen);
      dropFirst(this.sequences, epochsMax);
    }
    if (!seen.add(sequence)) return;
    this.applied += records;
    this.sinceMs = this.sinceMs === 0 ? ingestMs : Math.min(this.sinceMs, ingestMs);
  }

  addGap(gap: ReportedGap): void {
    if (this.isNew(`gap:${gapIdentity(gap)}`)) this.lost += gap.records;
  }

  addRejected({ reason, identity }: RejectedBatch): void {
    if (this.isNew(`rejected:${identity}`)) this.rejected.set(reason, (this.rejected.get(reason) ?? 0) + 1);
  }

  private isNew(identity: string): boolean {
    if (this.counted.has(identity)) return false;
    this.counted.add(identity);
    dropFirst(this.counted, identitiesMax);
    return true;
  }
}

const epochsMax = 64;
const identitiesMax = 4096;

/** Forgets the oldest entry beyond `sizeMax`. */
function dropFirst(of: Map<string, unknown> | Set<string>, sizeMax: number): void {
  if (of.size <= sizeMax) return;
  for (const key of of.keys()) {
    of.delete(key);
    return;
  }
}

const noStatusYet: Omit<SensorRecord, "name" | "appliedRecords" | "lostRecords"> = {
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
};

/** The sensors of this process; a sensor beyond the limit is counted and not kept. */
export class MemorySensorRegistry implements SensorRegistry {
  readonly counters = { sensorsRefused: 0 };
  private readonly records = new Map<string, SensorRecord>();
  private readonly totals = new Map<string, Totals>();

  constructor(private readonly sensorsMax = 10_000) {}

  list(nowMs: number): Promise<SensorRecord[]> {
    const records = [...this.totals].map(([name, totals]) => this.resolve(name, totals, nowMs));
    return Promise.resolve(records.sort((a, b) => (a.name < b.name ? -1 : 1)));
  }

  recordStatus(record: SensorRecord): Promise<void> {
    if (this.totalsOf(record.name) !== undefined) this.records.set(record.name, record);
    return Promise.resolve();
  }

  recordApplied(batches: readonly AppliedBatch[]): Promise<void> {
    for (const batch of batches) this.totalsOf(batch.sensor)?.addBatch(batch);
    return Promise.resolve();
  }

  recordGaps(gaps: readonly ReportedGap[]): Promise<void> {
    for (const gap of gaps) this.totalsOf(gap.sensor)?.addGap(gap);
    return Promise.resolve();
  }

  recordRejected(batches: readonly RejectedBatch[]): Promise<void> {
    for (const batch of batches) this.totalsOf(batch.sensor)?.addRejected(batch);
    return Promise.resolve();
  }

  recordLost(name: string, records: number, _reason: string): Promise<void> {
    const totals = this.totalsOf(name);
    if (totals !== undefined) totals.lost += records;
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private totalsOf(name: string): Totals | undefined {
    const known = this.totals.get(name);
    if (known !== undefined) return known;
    if (this.totals.size >= this.sensorsMax) {
      this.counters.sensorsRefused++;
      return undefined;
    }
    const totals = new Totals();
    this.totals.set(name, totals);
    return totals;
  }

  private resolve(name: string, totals: Totals, nowMs: number): SensorRecord {
    const record = this.records.get(name) ?? { ...noStatusYet, name, appliedRecords: 0, lostRecords: 0 };
    const isSilent = record.state !== "stopped" && nowMs - record.lastStatusMs > silentAfterMs;
    return {
      ...record,
      state: isSilent ? "silent" : record.state,
      appliedRecords: totals.applied,
      lostRecords: totals.lost,
      rejectedBatches: Object.fromEntries(totals.rejected),
      appliedSinceMs: totals.sinceMs,
    };
  }
}
