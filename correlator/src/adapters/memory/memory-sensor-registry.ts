import { silentAfterMs, type SensorRecord, type SensorRegistry } from "../../sensors/sensor-registry.js";

interface Totals {
  applied: number;
  lost: number;
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

  recordApplied(name: string, records: number): Promise<void> {
    const totals = this.totalsOf(name);
    if (totals !== undefined) totals.applied += records;
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
    const totals = { applied: 0, lost: 0 };
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
    };
  }
}
