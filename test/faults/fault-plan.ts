import { z } from "zod";
import { SeededRandom } from "../scenarios/seeded-random.js";

/** What can be done to a process. */
export const processFaultKinds = ["kill", "pause"] as const;
/** What can be done to a connection. */
export const networkFaultKinds = [
  "latency",
  "slow",
  "reset",
  "blackhole",
  "dead-up",
  "dead-down",
  "cut",
  "refuse",
] as const;
/** Every kind of fault. */
export const faultKinds = [...processFaultKinds, ...networkFaultKinds] as const;
export type FaultKind = (typeof faultKinds)[number];

const plannedFault = z.strictObject({
  /** From the start of the run. */
  atMs: z.number().int().min(0),
  /** Until it is healed; how long a killed process stays away. */
  durationMs: z.number().int().min(0),
  target: z.string().min(1),
  kind: z.enum(faultKinds),
  /** Milliseconds of latency, bytes a second when slow, bytes before a cut; 0 for the others. */
  amount: z.number().int().min(0).default(0),
});

const faultPlan = z.strictObject({
  /** What it was made from; only for the print. */
  seed: z.number().int().default(0),
  durationMs: z.number().int().min(1),
  faults: z.array(plannedFault).max(100_000),
});

/** One fault of a plan. */
export type PlannedFault = z.infer<typeof plannedFault>;
/** Which faults happen when, in order of time. */
export type FaultPlan = z.infer<typeof faultPlan>;

/** What a plan is made of. */
export interface FaultPlanSettings {
  readonly seed: number;
  readonly durationMs: number;
  /** Mean time from one fault to the next. */
  readonly everyMs: number;
  /** The longest a fault lasts; default half of `everyMs`. */
  readonly faultMsMax?: number;
  /** By name of the target, what may happen to it. */
  readonly targets: Readonly<Record<string, readonly FaultKind[]>>;
}

/** Time at the end of a plan without faults, for what they left behind. */
const quietShare = 0.1;

/**
 * A plan that depends on the settings alone: the same seed gives the same
 * faults at the same times. Faults do not overlap.
 */
export function makeFaultPlan(settings: FaultPlanSettings): FaultPlan {
  const { seed, durationMs, everyMs, faultMsMax = Math.floor(everyMs / 2) } = settings;
  const random = new SeededRandom(seed);
  const choices = Object.entries(settings.targets).flatMap(([target, kinds]) =>
    kinds.map((kind) => ({ target, kind })),
  );
  const faults: PlannedFault[] = [];
  const endMs = durationMs * (1 - quietShare);
  let atMs = gapMs(random, everyMs);
  while (choices.length > 0) {
    const { target, kind } = random.pick(choices);
    const faultMs = isInstant(kind) ? 0 : random.between(Math.ceil(faultMsMax / 10), faultMsMax);
    if (atMs + faultMs > endMs) break;
    faults.push({ atMs, durationMs: faultMs, target, kind, amount: amountOf(kind, random) });
    atMs += Math.max(faultMs, gapMs(random, everyMs));
  }
  return { seed, durationMs, faults };
}

/**
 * A plan of so many kills of one target, spread over the time with a seeded
 * shift of each; the target stays away for `awayMs`.
 */
export function makeKillPlan(settings: {
  readonly seed: number;
  readonly durationMs: number;
  readonly kills: number;
  readonly awayMs: number;
  readonly target: string;
}): FaultPlan {
  const { seed, durationMs, kills, awayMs, target } = settings;
  const random = new SeededRandom(seed);
  const spanMs = (durationMs * (1 - quietShare)) / kills;
  const freeMs = Math.floor(spanMs - awayMs);
  if (freeMs < 1) throw new Error(`${kills} kills of ${awayMs} ms do not fit into ${durationMs} ms`);
  const faults = Array.from({ length: kills }, (_, index) => ({
    atMs: Math.floor(index * spanMs) + random.below(freeMs),
    durationMs: awayMs,
    target,
    kind: "kill" as const,
    amount: 0,
  }));
  return { seed, durationMs, faults };
}

/** A plan as JSON text gives it; throws an Error that names the field. */
export function parseFaultPlan(text: string): FaultPlan {
  const plan = faultPlan.parse(JSON.parse(text));
  return { ...plan, faults: plan.faults.sort((a, b) => a.atMs - b.atMs) };
}

/** From half to one and a half times the mean, milliseconds. */
function gapMs(random: SeededRandom, everyMs: number): number {
  return random.between(Math.ceil(everyMs / 2), Math.floor(everyMs * 1.5));
}

function isInstant(kind: FaultKind): boolean {
  return kind === "reset" || kind === "cut";
}

function amountOf(kind: FaultKind, random: SeededRandom): number {
  if (kind === "latency") return random.between(20, 2000);
  if (kind === "slow") return random.between(2_000, 200_000);
  if (kind === "cut") return random.between(1, 100_000);
  return 0;
}
