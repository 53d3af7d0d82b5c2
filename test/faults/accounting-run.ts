import { makeKillPlan } from "./fault-plan.js";
import { runFaultPlan } from "./fault-scheduler.js";
import { processTarget } from "./fault-targets.js";
import { startFleet } from "./fleet-under-test.js";
import type { FleetSettings, SensorAccount } from "./fleet-under-test.js";

/** A fleet whose NATS server is killed again and again. */
export interface AccountingSettings extends Partial<FleetSettings> {
  readonly seed: number;
  readonly durationMs: number;
  /** SIGKILLs of NATS. */
  readonly kills: number;
}

/** What became of the records. */
export interface AccountingResult {
  readonly kills: number;
  readonly accounts: readonly SensorAccount[];
  readonly emitted: number;
  readonly applied: number;
  readonly lost: number;
  /** Batches sent again, and ids that somebody else had used. */
  readonly retried: number;
  readonly duplicate: number;
}

const awayMs = 1000;
const settleMaxMs = 90_000;

/** Runs the fleet for the time, with the kills spread over it, and adds up when all is at rest. */
export async function runAccounting(settings: AccountingSettings): Promise<AccountingResult> {
  const { seed, durationMs, kills } = settings;
  const fleet = await startFleet(settings);
  try {
    const plan = makeKillPlan({ seed, durationMs, kills, awayMs, target: "nats" });
    const targets = { nats: processTarget(fleet.nats) };
    const { counts } = await runFaultPlan(plan, targets, new AbortController().signal);
    const accounts = await fleet.settle(settleMaxMs);
    const sum = (count: (account: SensorAccount) => number): number =>
      accounts.reduce((total, account) => total + count(account), 0);
    const reports = fleet.sensors.flatMap(({ report }) => (report === undefined ? [] : [report]));
    return {
      kills: counts["kill"] ?? 0,
      accounts,
      emitted: sum(({ emitted }) => emitted),
      applied: sum(({ applied }) => applied),
      lost: sum(({ lost }) => lost),
      retried: reports.reduce((total, report) => total + report.batchesRetried, 0),
      duplicate: reports.reduce((total, report) => total + report.batchesDuplicate, 0),
    };
  } finally {
    await fleet.stop();
  }
}
