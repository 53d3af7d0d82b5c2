import type { HomeNetworks } from "../flows/home-networks.js";
import { defaultPolicy, type Policy } from "../policy/policy.js";
import { CoverageHistory } from "../sensors/coverage-history.js";
import type { GapLedger } from "../sensors/gap-ledger.js";
import type { SensorRecord, SensorRegistry } from "../sensors/sensor-registry.js";
import { addressKeyOfText } from "../windows/address-text.js";
import { mayConfirm, type RebuildGate } from "../rebuild/rebuild-ledger.js";
import { isDrillSensor } from "./drill.js";
import { Grouping, type GroupingCounters } from "./grouping.js";
import type { GroupingSettings } from "./incident-groups.js";
import type { FindingBoard, IncidentStore } from "./incident-store.js";
import type { IncidentEvent } from "./incident.js";
import type { Lease, Leases } from "./leases.js";

const leaseName = "incidents";
const leaseMs = 3000;
const entriesPerRead = 1000;
const sensorsEveryMs = 2000;
/** Addresses of which it is remembered whether they are inside. */
const insideMax = 65_536;

/** The ports that grouping works on. */
export interface GroupingPorts {
  readonly board: FindingBoard;
  readonly leases: Leases;
  readonly incidents: IncidentStore;
  readonly sensors: SensorRegistry;
  /** Absent where no gap can be reported. */
  readonly gaps?: GapLedger;
  /** Absent where windows cannot be lost. */
  readonly rebuild?: RebuildGate;
}

/** What a lease holder has in hand. */
interface Term {
  readonly lease: Lease;
  readonly grouping: Grouping;
  position: string;
  renewedMs: number;
  /** False until this holder stored a whole fold, and after a change that may not have been stored. */
  isFoldStored: boolean;
}

/**
 * Groups all correlators' findings while this process holds the one lease for
 * it: reads the board, folds, commits. Whoever takes over starts from the stored
 * fold and reads what the board has besides.
 */
export class GroupingLoop {
  private term: Term | undefined;
  private readonly names = new Set<string>();
  private pending: IncidentEvent[] = [];
  private home: HomeNetworks | undefined;
  private policy: Policy | undefined;
  /** Kept whoever groups, so that whoever takes over knows what was missed. */
  private readonly history = new CoverageHistory();
  /** Addresses by whether they are inside. */
  private readonly inside = new Map<string, boolean>();
  private gapPosition = "";
  private sensorsMs = -Infinity;
  private sensors: readonly SensorRecord[] = [];
  private totals: GroupingCounters = { findingsFolded: 0, findingsForgotten: 0 };

  constructor(private readonly ports: GroupingPorts) {}

  counters(): Record<string, number> {
    return { ...(this.term?.grouping.counters ?? this.totals), ...this.history.counters };
  }

  setPolicy(policy: Policy, home: HomeNetworks): void {
    this.policy = policy;
    this.home = home;
    this.inside.clear();
    this.term?.grouping.configure(this.settings());
  }

  nameSensor(name: string): void {
    if (this.names.has(name) || this.names.size >= 100_000) return;
    this.names.add(name);
    this.term?.grouping.nameSensor(name);
  }

  async run(nowMs: number): Promise<void> {
    await this.refreshSensors(nowMs);
    const term = await this.hold(nowMs);
    if (term === undefined) return;
    const closedUntil = await this.ports.board.closedUntil();
    await this.readBoard(term);
    // Asked last: while it says that all is there, what was read before was there too.
    const phase = (await this.ports.rebuild?.phase()) ?? "ready";
    if (phase === "lost" || phase === "recent") return;
    term.grouping.close(closedUntil);
    if (!(await this.saveFold(term))) return this.drop();
    this.pending.push(...term.grouping.takeEvents(nowMs, this.isInside, mayConfirm(phase)));
    if (this.pending.length > 0) await this.commit(term);
  }

  /** Stored before it is told: told again by another it would be the same, folded again it need not be. */
  private async saveFold(term: Term): Promise<boolean> {
    const { grouping, lease, position } = term;
    for (const isWhole of term.isFoldStored ? [false, true] : [true]) {
      const change = grouping.takeFold(isWhole);
      if (change === undefined) return true;
      term.isFoldStored = false;
      const saving = await this.ports.board.saveFold({ ...change, position }, lease.fence);
      term.isFoldStored = saving === "saved";
      if (saving !== "absent") return saving === "saved";
    }
    return true;
  }

  private async commit(term: Term): Promise<void> {
    if (await this.ports.incidents.commit(this.pending, term.lease.fence)) this.pending = [];
    else this.drop();
  }

  private async hold(nowMs: number): Promise<Term | undefined> {
    if (this.term !== undefined && nowMs - this.term.renewedMs >= leaseMs / 3) {
      if (await this.term.lease.renew()) this.term.renewedMs = nowMs;
      else this.drop();
    }
    return this.term ?? (await this.begin(nowMs));
  }

  private async begin(nowMs: number): Promise<Term | undefined> {
    const lease = await this.ports.leases.acquire(leaseName, leaseMs);
    if (lease === undefined) return undefined;
    const grouping = new Grouping(this.settings(), this.history);
    for (const name of this.names) grouping.nameSensor(name);
    const fold = await this.ports.board.loadFold();
    grouping.restore(await this.ports.incidents.loadAll(), fold);
    grouping.setSensors(this.sensors);
    const term = { lease, grouping, position: "", renewedMs: nowMs, isFoldStored: false };
    if (fold !== undefined) await this.readBoard(term, fold.position);
    this.term = term;
    return term;
  }

  /** The lease went to another: what was not committed it will work out again. */
  private drop(): void {
    this.totals = this.term?.grouping.counters ?? this.totals;
    this.term = undefined;
    this.pending = [];
  }

  /** @param untilPosition up to where the stored fold was read; undefined: everything new */
  private async readBoard(term: Term, untilPosition?: string): Promise<void> {
    for (;;) {
      const { entries, position } = await this.ports.board.read(term.position, entriesPerRead, untilPosition);
      term.position = position;
      const findings = entries.flatMap((entry) => (entry.kind === "finding" ? entry.finding : []));
      term.grouping.addAll(findings, untilPosition !== undefined);
      if (entries.length < entriesPerRead) return;
    }
  }

  private async refreshSensors(nowMs: number): Promise<void> {
    if (nowMs - this.sensorsMs < sensorsEveryMs) return;
    this.sensorsMs = nowMs;
    const sensors = await this.ports.sensors.list(nowMs);
    this.sensors = sensors.filter(({ name }) => !isDrillSensor(name));
    this.history.observe(this.sensors, nowMs);
    await this.readGaps(nowMs);
    this.term?.grouping.setSensors(this.sensors);
    this.term?.grouping.configure(this.settings());
  }

  private async readGaps(nowMs: number): Promise<void> {
    if (this.ports.gaps === undefined) return;
    const { gaps, position } = await this.ports.gaps.read(this.gapPosition);
    this.gapPosition = position;
    for (const gap of gaps) this.history.addGap(gap, nowMs);
  }

  private settings(): Omit<GroupingSettings, "sensorName"> {
    const { incident } = this.policy ?? defaultPolicy;
    return {
      sessionGapMs: incident.sessionGapHours * 3_600_000,
      background: {
        contactsMax: incident.backgroundContactsMax,
        sourcesMin: incident.backgroundSourcesMin,
        isInside: this.isInside,
      },
      burstHostsMin: this.burstHostsMin(this.sensors.length),
    };
  }

  private burstHostsMin(sensors: number): number {
    const burst = this.policy?.burst;
    return Math.max(burst?.hostsMin ?? 3, Math.ceil((burst?.hostsShareMin ?? 0.2) * sensors));
  }

  private readonly isInside = (address: string): boolean => {
    let known = this.inside.get(address);
    if (known === undefined) {
      const key = addressKeyOfText(address);
      known = key !== undefined && this.home !== undefined && this.home.isInsideKey(key);
      if (this.inside.size >= insideMax) this.inside.clear();
      this.inside.set(address, known);
    }
    return known;
  };
}
