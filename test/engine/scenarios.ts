import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { scenarioStartMs, type ScenarioFlow } from "./flow-scenario.js";

const host = (number: number): string => `10.9.0.${10 + number}`;
const attacker = (number: number): string => `10.9.${1 + (number % 3)}.${10 + number}`;
const sweptPorts = [21, 23, 3389];

/**
 * Ten sources share one sweep of three ports over eight hosts: at most 6 probes
 * a source, 3 from one source at a host, and 3 sources at a host.
 */
export function sharedSweep(seed = 1, startMs = scenarioStartMs + 60_000): ScenarioFlow[] {
  const random = new SeededRandom(seed);
  const flows: ScenarioFlow[] = [];
  for (let source = 0; source < 10; source++)
    for (const target of [(source * 2) % 8, (source * 2 + 1) % 8])
      for (const port of sweptPorts)
        flows.push({
          source: attacker(source),
          destination: host(target),
          port,
          timeMs: startMs + random.below(60_000),
          outcome: random.chance(0.5) ? Outcome.refused : Outcome.ignored,
        });
  return flows;
}

/** One source probes each of eight hosts twice. */
export function slowSource(seed = 1, startMs = scenarioStartMs + 120_000): ScenarioFlow[] {
  const random = new SeededRandom(seed);
  return [0, 1, 2, 3, 4, 5, 6, 7].flatMap((target) =>
    [22, 5900].map((port): ScenarioFlow => ({
      source: "10.9.7.7",
      destination: host(target),
      port,
      timeMs: startMs + random.below(240_000),
      outcome: Outcome.refused,
    })),
  );
}

/** Ordinary traffic of the lab: nearly all answered, a few tries at a service that is down. */
export function benignMix(seed = 1, flowsCount = 2000, startMs = scenarioStartMs): ScenarioFlow[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: flowsCount }, (): ScenarioFlow => {
    const source = host(random.below(8));
    const timeMs = startMs + random.below(480_000);
    const sourcePort = random.between(32_768, 60_999);
    if (random.chance(0.01))
      return { source, destination: "192.0.2.9", port: 443, timeMs, sourcePort, outcome: Outcome.ignored };
    const [destination, port, protocol] = random.pick([
      ["10.9.0.2", 53, 17],
      ["198.51.100.7", 443, 6],
      ["198.51.100.8", 80, 6],
      [host(random.below(8)), 22, 6],
    ] as const);
    return { source, destination, port, protocol, timeMs, sourcePort, outcome: Outcome.answered };
  });
}

/** A loud vertical scan by one source. */
export function portScan(seed = 1, ports = 200, startMs = scenarioStartMs + 30_000): ScenarioFlow[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: ports }, (_, index): ScenarioFlow => ({
    source: "203.0.113.66",
    destination: host(3),
    port: 1 + index * 7,
    timeMs: startMs + random.below(20_000),
    outcome: Outcome.refused,
  }));
}

/** Sources of one /24 that divide a grid of 16 hosts and 6 ports among themselves without overlap. */
export function dividedGrid(seed = 1, startMs = scenarioStartMs + 10_000): ScenarioFlow[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: 96 }, (_, index): ScenarioFlow => ({
    source: `198.51.100.${20 + (index % 16)}`,
    destination: host(index % 16),
    port: [22, 80, 445, 1433, 3306, 8080][Math.floor(index / 16)],
    timeMs: startMs + random.below(300_000),
    outcome: Outcome.ignored,
  }));
}

/** New flows of several hosts that jump in the same five seconds after a quiet minute. */
export function jointBurst(seed = 1, hosts = 4, startMs = scenarioStartMs): ScenarioFlow[] {
  const random = new SeededRandom(seed);
  const flows: ScenarioFlow[] = [];
  for (let number = 0; number < hosts; number++) {
    for (let second = 0; second < 120; second++)
      flows.push({
        source: host(number),
        destination: "198.51.100.7",
        port: 443,
        sourcePort: 33_000 + second,
        timeMs: startMs + second * 1000,
        outcome: Outcome.answered,
      });
    for (let index = 0; index < 400; index++)
      flows.push({
        source: host(number),
        destination: "192.0.2.80",
        port: 80,
        sourcePort: 40_000 + index,
        timeMs: startMs + 120_000 + random.below(5000),
        outcome: Outcome.answered,
      });
  }
  return flows;
}
