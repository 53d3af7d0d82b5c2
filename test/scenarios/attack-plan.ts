import { AttackScene } from "./attack-scene.js";
import { addressText } from "./fleet-addresses.js";
import { attackKinds, type AttackKind } from "./fleet-attacks.js";
import { SeededRandom } from "./seeded-random.js";
import type { FleetFlow } from "./simulated-flow.js";

/** Which attacks a run has, and when it lets them happen. */
export interface AttackPlanSettings {
  readonly seed: number;
  readonly hosts: number;
  /** Milliseconds since the Unix epoch. */
  readonly startMs: number;
  readonly runMs: number;
  /** No attack begins earlier than this after the start, milliseconds; well below `runMs`. */
  readonly quietMs: number;
  /** Names of the kinds; undefined: every one that suits the fleet. */
  readonly names?: readonly string[];
  /** How often each kind happens; default 1. */
  readonly repeat?: number;
}

/** An attack with its place in the traffic. */
export interface PlannedAttack {
  readonly kind: AttackKind;
  /** From 0, of all attacks of the run. */
  readonly number: number;
  readonly startMs: number;
  /** When it must be known: the packet or the expiry that decides, milliseconds since the Unix epoch. */
  readonly decidedMs: number;
  /** In order of their start. */
  readonly flows: readonly FleetFlow[];
  /** Addresses as text. */
  readonly sources: ReadonlySet<string>;
  readonly targets: ReadonlySet<string>;
}

/** Time between the end of the last attack and the end of the run, milliseconds. */
const tailMs = 3000;

/** The attacks of a run at seeded moments. Throws with the known names for one that is unknown. */
export function planAttacks(settings: AttackPlanSettings): PlannedAttack[] {
  const random = new SeededRandom(settings.seed ^ 0x5bd1_e995);
  const kinds = kindsOf(settings);
  const { repeat = 1 } = settings;
  return Array.from({ length: repeat }, () => kinds)
    .flat()
    .map((kind, number) => planAttack(kind, number, settings, random));
}

/** Names of the default kinds that do not suit a fleet of this size. */
export function kindsLeftOut(hosts: number): string[] {
  return attackKinds.filter((kind) => !suits(kind, hosts)).map(({ name }) => name);
}

function kindsOf({ names, hosts }: AttackPlanSettings): readonly AttackKind[] {
  if (names === undefined) return attackKinds.filter((kind) => suits(kind, hosts));
  return names.map((name) => {
    const kind = attackKinds.find((each) => each.name === name);
    if (kind === undefined)
      throw new Error(`no attack ${name}: ${attackKinds.map((each) => each.name).join(", ")}`);
    return kind;
  });
}

function suits({ hostsMax = Infinity }: AttackKind, hosts: number): boolean {
  return hosts <= hostsMax;
}

function planAttack(
  kind: AttackKind,
  number: number,
  settings: AttackPlanSettings,
  random: SeededRandom,
): PlannedAttack {
  const { seed, hosts, runMs, quietMs } = settings;
  const usableMs = runMs - quietMs - tailMs;
  const lengthMs = Math.min(usableMs, kind.lengthMs(usableMs));
  const roomMs = usableMs - lengthMs;
  const startMs = settings.startMs + quietMs + random.next() * roomMs;
  const flows = kind
    .flows(new AttackScene(seed, number, hosts, startMs, lengthMs))
    .sort((a, b) => a.flow.startMs - b.flow.startMs);
  return {
    kind,
    number,
    startMs,
    decidedMs: kind.decided(flows, hosts),
    flows,
    sources: new Set(flows.map(({ flow }) => addressText(flow.source))),
    targets: new Set(flows.map(({ flow }) => addressText(flow.destination))),
  };
}
