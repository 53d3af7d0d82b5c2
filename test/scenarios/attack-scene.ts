import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { attackerAddress, hostAddress, serverAddress } from "./fleet-addresses.js";
import { SeededRandom } from "./seeded-random.js";
import { decidedMs, isFailed, tcp, type FleetFlow, type SimulatedFlow } from "./simulated-flow.js";

/** Ports of one attack, none of which another one has: 20,000 onward, a hundred each. */
const portsBase = 20_000;
const portsEach = 100;
const portBlocks = 400;
/** Inside servers from this number on attack; those below serve. */
const insidersFrom = 0x4000;

/** What an attack is made from: its own sources, ports and time in a fleet. */
export class AttackScene {
  readonly random: SeededRandom;

  /**
   * @param number of this attack among all of the run: no two have sources or ports in common
   * @param startMs when it begins, milliseconds since the Unix epoch
   */
  constructor(
    seed: number,
    readonly number: number,
    readonly hosts: number,
    readonly startMs: number,
    readonly lengthMs: number,
  ) {
    this.random = new SeededRandom(Math.imul(seed, 0x27d4_eb2f) ^ (number + 1));
  }

  /** Outside source `index`, below 65,536. */
  source(index: number): number {
    return attackerAddress(this.number, index);
  }

  /** An inside machine without a sensor: what it does is decided without the Internet's background. */
  insider(): number {
    return serverAddress(insidersFrom + this.number);
  }

  /** Port `index`, below 100. */
  port(index: number): number {
    return portsBase + (this.number % portBlocks) * portsEach + index;
  }

  /** Numbers of `count` different hosts, fewer in a smaller fleet; never the poller. */
  targets(count: number): number[] {
    const numbers = Array.from({ length: this.hosts - 1 }, (_, index) => index + 1);
    for (let index = 0; index < Math.min(count, numbers.length); index++) {
      const other = this.random.between(index, numbers.length - 1);
      [numbers[index], numbers[other]] = [numbers[other], numbers[index]];
    }
    return numbers.slice(0, count);
  }

  /** A moment of the attack. */
  moment(): number {
    return this.startMs + this.random.next() * this.lengthMs;
  }

  /** A first contact that fails at a host. */
  probe(source: number, target: number, port: number, more: Partial<SimulatedFlow> = {}): FleetFlow {
    const outcome = this.random.chance(0.5) ? Outcome.refused : Outcome.ignored;
    const flow = this.flow({ source, destination: hostAddress(target), port, outcome, ...more });
    return { flow, from: undefined, to: target };
  }

  /** A flow of this attack with everything else as usual. */
  flow(
    given: Partial<SimulatedFlow> & Pick<SimulatedFlow, "source" | "destination" | "port">,
  ): SimulatedFlow {
    return {
      protocol: tcp,
      outcome: Outcome.answered,
      sourcePort: this.random.between(32_768, 60_999),
      startMs: this.moment(),
      durationMs: 1,
      requestBytes: 20,
      responseBytes: 0,
      ...given,
    };
  }
}

/** The flow with which an attack must be known, in milliseconds since the Unix epoch. */
export type Decided = (flows: readonly FleetFlow[], hosts: number) => number;

/** When some group of the flows has `count` different values; the last flow when none has. */
export function whenDistinct(
  count: number,
  groupOf: (flow: SimulatedFlow) => number | string,
  valueOf: (flow: SimulatedFlow) => number | string,
): Decided {
  return (flows) => {
    const groups = new Map<number | string, Set<number | string>>();
    let lastMs = 0;
    for (const { flow } of flows.toSorted((a, b) => decidedMs(a.flow) - decidedMs(b.flow))) {
      if (!isFailed(flow)) continue;
      lastMs = decidedMs(flow);
      const group = groups.get(groupOf(flow)) ?? new Set();
      groups.set(groupOf(flow), group.add(valueOf(flow)));
      if (group.size >= count) return lastMs;
    }
    return lastMs;
  };
}
