import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { IncidentJournal } from "@picket/correlator/adapters/memory/incident-journal.js";
import { MemoryFindingBoard } from "@picket/correlator/adapters/memory/memory-finding-board.js";
import { MemoryGapLedger } from "@picket/correlator/adapters/memory/memory-gap-ledger.js";
import { MemoryHostProfileStore } from "@picket/correlator/adapters/memory/memory-host-profile-store.js";
import { MemoryIncidentStore } from "@picket/correlator/adapters/memory/memory-incident-store.js";
import { MemoryLeases } from "@picket/correlator/adapters/memory/memory-leases.js";
import { MemoryPolicyStore } from "@picket/correlator/adapters/memory/memory-policy-store.js";
import { MemorySensorRegistry } from "@picket/correlator/adapters/memory/memory-sensor-registry.js";
import { MemoryWindowStore } from "@picket/correlator/adapters/memory/memory-window-store.js";
import { Correlator } from "@picket/correlator/pipeline.js";
import type { ReportedGap } from "@picket/correlator/sensors/batch-account.js";
import type { PolicyRevision } from "@picket/correlator/policy/policy.js";

/** Everything of the correlator and the api's ports in one process. */
export interface LocalEngine {
  readonly correlator: Correlator;
  readonly windows: MemoryWindowStore;
  readonly incidents: MemoryIncidentStore;
  readonly policy: MemoryPolicyStore;
  readonly sensors: MemorySensorRegistry;
  readonly profiles: MemoryHostProfileStore;
  /** Counts records that were lost on their way here at `nowMs`; they are part of the coverage of that time. */
  recordLost(sensor: string, records: number, reason: string, nowMs: number): void;
  close(): Promise<void>;
}

/** Where the engine starts from. */
export interface LocalEngineOptions {
  /** Folder that keeps incidents and policy over a restart; without it all is gone at the end. */
  readonly stateFolder?: string;
  /** Policy in force; without it the stored or the default one. */
  readonly policy?: PolicyRevision;
  /** False for an analysis, which serves nothing before the end. */
  readonly provisional?: boolean;
}

/**
 * Opens the in-memory ports and one correlator over them, with its policy set.
 * Throws PicketError FILE_UNREADABLE when the state folder cannot be used, or
 * another process uses it.
 */
export async function openLocalEngine(options: LocalEngineOptions): Promise<LocalEngine> {
  const { stateFolder } = options;
  const journal = stateFolder === undefined ? undefined : await IncidentJournal.open({ folder: stateFolder });
  const policy = await openPolicy(options).catch(async (error: unknown) => {
    await journal?.close();
    throw error;
  });
  const windows = new MemoryWindowStore(
    undefined,
    options.provisional === false ? undefined : randomBytes(16),
  );
  const board = new MemoryFindingBoard();
  const incidents = new MemoryIncidentStore({ journal });
  const sensors = new MemorySensorRegistry();
  const gaps = new MemoryGapLedger();
  const profiles = new MemoryHostProfileStore();
  const ports = { windows, board, leases: new MemoryLeases(), incidents, sensors, gaps, profiles };
  const correlator = new Correlator(ports, {
    owner: "local",
    provisional: options.provisional,
    seed: randomBytes(4).readUInt32LE(0),
  });
  correlator.setPolicy(await policy.get());
  const close = async (): Promise<void> => {
    for (const port of [windows, board, incidents, policy, sensors]) await port.close();
  };
  const recordLost: LocalEngine["recordLost"] = (sensor, records, reason, nowMs) => {
    void sensors.recordLost(sensor, records, reason);
    void gaps.record([{ ...gapNow(nowMs), sensor, records, reason }]);
  };
  return { correlator, windows, incidents, policy, sensors, profiles, recordLost, close };
}

/** A gap of this moment: what is lost in one process has no batches to name. */
function gapNow(nowMs: number): Omit<ReportedGap, "sensor" | "records" | "reason"> {
  const nothing = { firstSequence: 0, lastSequence: 0, packets: 0, bytes: 0 };
  return { ...nothing, epoch: "", fromMs: nowMs, toMs: nowMs };
}

async function openPolicy(options: LocalEngineOptions): Promise<MemoryPolicyStore> {
  if (options.policy !== undefined) return new MemoryPolicyStore(options.policy);
  if (options.stateFolder === undefined) return new MemoryPolicyStore();
  return MemoryPolicyStore.open(join(options.stateFolder, "policy.json"));
}
