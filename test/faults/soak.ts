import type { FaultKind, FaultPlan } from "./fault-plan.js";
import { makeFaultPlan, networkFaultKinds, processFaultKinds } from "./fault-plan.js";
import { runFaultPlan } from "./fault-scheduler.js";
import type { FaultTarget } from "./fault-scheduler.js";
import { processTarget, proxyTarget } from "./fault-targets.js";
import { startFleet } from "./fleet-under-test.js";
import type { FleetSettings, FleetUnderTest, SensorAccount } from "./fleet-under-test.js";
import { usageOf } from "./process-usage.js";

/** What a soak may disturb. */
export const soakTargets = ["nats", "redis", "link", "correlator"] as const;
export type SoakTarget = (typeof soakTargets)[number];

/** A fleet that runs for a long time, with a fault now and then. */
export interface SoakSettings extends Partial<FleetSettings> {
  readonly seed: number;
  readonly durationMs: number;
  /** Mean time between faults; 0: none. */
  readonly faultEveryMs: number;
  readonly targets: readonly SoakTarget[];
  /** Instead of one made from the seed. */
  readonly plan?: FaultPlan;
  readonly sampleEveryMs: number;
}

/** One look at the fleet. */
export interface SoakSample {
  /** Since the start of the load. */
  readonly atMs: number;
  readonly emitted: number;
  readonly applied: number;
  readonly lost: number;
  readonly redisKeys: number;
  readonly faults: number;
  /** Resident bytes and open descriptors by process; one that is away is left out. */
  readonly rssBytes: Readonly<Record<string, number>>;
  readonly descriptors: Readonly<Record<string, number>>;
}

/** What came of it. */
export interface SoakResult {
  readonly plan: FaultPlan;
  readonly faults: Readonly<Record<string, number>>;
  readonly samples: readonly SoakSample[];
  readonly accounts: readonly SensorAccount[];
  readonly isExact: boolean;
}

const settleMaxMs = 120_000;

/** Processes are killed and paused, the sensors' link suffers everything a link can. */
const kindsOf: Readonly<Record<SoakTarget, readonly FaultKind[]>> = {
  nats: processFaultKinds,
  redis: ["pause"],
  link: networkFaultKinds,
  correlator: processFaultKinds,
};

/** The plan that a seed gives. */
export function soakPlan(settings: SoakSettings): FaultPlan {
  const { seed, durationMs, faultEveryMs, targets } = settings;
  if (settings.plan !== undefined) return settings.plan;
  if (faultEveryMs === 0) return { seed, durationMs, faults: [] };
  return makeFaultPlan({
    seed,
    durationMs,
    everyMs: faultEveryMs,
    faultMsMax: Math.min(faultEveryMs / 2, 20_000),
    targets: Object.fromEntries(targets.map((target) => [target, kindsOf[target]])),
  });
}

/** Runs it; the signal ends the load early and adds up what was done until then. */
export async function runSoak(
  settings: SoakSettings,
  signal: AbortSignal,
  print: (line: string) => void,
): Promise<SoakResult> {
  const plan = soakPlan(settings);
  print(`seed ${plan.seed}, ${plan.faults.length} faults planned`);
  const fleet = await startFleet(settings);
  const samples: SoakSample[] = [];
  const startMs = performance.now();
  let faults = 0;
  const sample = async (): Promise<void> => {
    const taken = await takeSample(fleet, performance.now() - startMs, faults);
    samples.push(taken);
    print(sampleLine(taken));
  };
  // A look that cannot be taken, for example while Redis is paused, is left out.
  const timer = setInterval(() => void sample().catch(() => {}), settings.sampleEveryMs);
  try {
    const run = await runFaultPlan(
      plan,
      targetsOf(fleet),
      signal,
      ({ atMs, target, kind, durationMs, amount }) => {
        faults++;
        print(
          `fault at ${atMs} ms: ${kind} ${target} for ${durationMs} ms${amount > 0 ? ` (${amount})` : ""}`,
        );
      },
    );
    const accounts = await fleet.settle(settleMaxMs);
    await sample();
    const isExact = accounts.every(({ emitted, applied, lost }) => emitted > 0 && emitted === applied + lost);
    return { plan, faults: run.counts, samples, accounts, isExact };
  } finally {
    clearInterval(timer);
    await fleet.stop();
  }
}

function targetsOf(fleet: FleetUnderTest): Record<SoakTarget, FaultTarget> {
  return {
    nats: processTarget(fleet.nats),
    redis: processTarget(fleet.redis),
    link: proxyTarget(fleet.link),
    correlator: processTarget(fleet.correlators[0]),
  };
}

async function takeSample(fleet: FleetUnderTest, atMs: number, faults: number): Promise<SoakSample> {
  const accounts = await fleet.accounts();
  const rssBytes: Record<string, number> = {};
  const descriptors: Record<string, number> = {};
  for (const [name, pidOf] of processesOf(fleet)) {
    const usage = usageOf(pidOf());
    if (usage === undefined) continue;
    rssBytes[name] = usage.rssBytes;
    descriptors[name] = usage.descriptors;
  }
  const sum = (count: (account: SensorAccount) => number): number =>
    accounts.reduce((total, account) => total + count(account), 0);
  return {
    atMs,
    emitted: sum(({ emitted }) => emitted),
    applied: sum(({ applied }) => applied),
    lost: sum(({ lost }) => lost),
    redisKeys: await fleet.redisKeys(),
    faults,
    rssBytes,
    descriptors,
  };
}

/** A process that is away at the moment has the number -1. */
function processesOf(fleet: FleetUnderTest): [string, () => number][] {
  const named: [string, { readonly pid: number }][] = [
    ["nats", fleet.nats],
    ["redis", fleet.redis],
    ...fleet.correlators.map((each, index): [string, { readonly pid: number }] => [
      `correlator-${index}`,
      each,
    ]),
    ...fleet.sensors.map((each, index): [string, { readonly pid: number }] => [`sensor-${index}`, each]),
  ];
  return named.map(([name, subject]) => [
    name,
    () => {
      try {
        return subject.pid;
      } catch {
        return -1;
      }
    },
  ]);
}

function sampleLine(sample: SoakSample): string {
  const mebibytes = Object.entries(sample.rssBytes).map(
    ([name, bytes]) => `${name} ${(bytes / 2 ** 20).toFixed(0)}`,
  );
  const descriptors = Object.values(sample.descriptors).reduce((sum, count) => sum + count, 0);
  return [
    `${(sample.atMs / 1000).toFixed(0)} s`,
    `emitted ${sample.emitted}`,
    `applied ${sample.applied}`,
    `lost ${sample.lost}`,
    `keys ${sample.redisKeys}`,
    `descriptors ${descriptors}`,
    `MiB: ${mebibytes.join(", ")}`,
  ].join(" | ");
}
