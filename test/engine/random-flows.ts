import { fingerprintBytes, Outcome } from "@picket/proto/batch/flow-columns.js";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { scenarioStartMs, type ScenarioFlow } from "./flow-scenario.js";

const dayMs = 86_400_000;
const outcomes = [
  Outcome.unknown,
  Outcome.ignored,
  Outcome.ignored,
  Outcome.unreachable,
  Outcome.refused,
  Outcome.refused,
  Outcome.halfOpen,
  Outcome.answered,
] as const;

/**
 * Flows without any plan, from few sources to few services so that everything
 * collides: retries, later answers, the edges of slices and of a day, both
 * address families, all protocols.
 */
export function randomFlows(seed: number): ScenarioFlow[] {
  const random = new SeededRandom(seed);
  const sources = Array.from({ length: random.between(2, 24) }, () => randomSource(random));
  const hosts = random.between(1, 20);
  const ports = Array.from({ length: random.between(1, 12) }, () =>
    random.pick([22, 23, 80, 6346, 445, random.between(1, 65_535)]),
  );
  const spanMs = random.pick([60_000, 1_200_000, 7_200_000, dayMs]);
  const startMs = scenarioStartMs + dayMs - random.below(spanMs);
  const notes = new SeededRandom(seed ^ 0x5eed);
  return Array.from({ length: random.between(20, 400) }, (): ScenarioFlow => {
    const source = random.pick(sources);
    const protocol = random.pick([6, 6, 6, 17, 132]);
    const host = 1 + random.below(hosts);
    return {
      source,
      destination: source.includes(":") ? `fd00::${host.toString(16)}` : `10.3.0.${host}`,
      port: random.pick(ports),
      protocol,
      sourcePort: random.between(1024, 65_535),
      timeMs: startMs + random.below(spanMs),
      outcome: random.pick(outcomes),
      ...randomNotes(notes),
    };
  });
}

/** What the sensor of an end may add. */
function randomNotes(random: SeededRandom): Partial<ScenarioFlow> {
  const fingerprint = new Uint8Array(fingerprintBytes).fill(random.below(3));
  return {
    direction: random.pick([0, 1, 2, 3]),
    isPortClosed: random.chance(0.2),
    ...(random.chance(0.5) ? { fingerprint } : {}),
  };
}

function randomSource(random: SeededRandom): string {
  const last = random.between(1, 254);
  return random.pick([
    `203.0.113.${last}`,
    `198.51.${random.below(4)}.${last}`,
    `10.3.1.${last}`,
    `2001:db8:${random.below(3)}::${last.toString(16)}`,
  ]);
}
