import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { BenignFleet } from "./benign-fleet.js";
import { hostAnsweredShare, hostFlowsPerMinute } from "./host-habits.js";
import type { FleetFlow } from "./simulated-flow.js";

const startMs = 1_790_000_000_000;
const minutes = 20;
const hosts = 100;

function flowsOf(seed: number, stepMs = 60_000): FleetFlow[] {
  const flowsPerSecond = (hosts * 25) / 60;
  const fleet = new BenignFleet({ seed, hosts, flowsPerSecond, startMs });
  const flows: FleetFlow[] = [];
  for (let untilMs = startMs + stepMs; untilMs <= startMs + minutes * 60_000; untilMs += stepMs)
    flows.push(...fleet.until(untilMs));
  return flows;
}

describe("an ordinary fleet", () => {
  it("gives the same flows for the same seed, others for another", () => {
    expect(flowsOf(1)).toEqual(flowsOf(1));
    expect(flowsOf(2)[0]).not.toEqual(flowsOf(1)[0]);
  });

  it("keeps each host within the measured rate and the share of answers", () => {
    for (const seed of [1, 2, 3]) {
      const flows = flowsOf(seed).filter(({ flow }) => flow.port !== 9100);
      for (let host = 0; host < hosts; host++) {
        const own = flows.filter(({ from }) => from === host);
        const answered = own.filter(({ flow }) => flow.outcome === Outcome.answered).length / own.length;
        expect(own.length / minutes).toBeGreaterThan(hostFlowsPerMinute.min * 0.8);
        expect(own.length / minutes).toBeLessThan(hostFlowsPerMinute.max * 1.2);
        expect(answered).toBeGreaterThan(hostAnsweredShare.min - 0.05);
      }
      const answered = flows.filter(({ flow }) => flow.outcome === Outcome.answered).length / flows.length;
      expect(answered).toBeGreaterThan(hostAnsweredShare.min);
      expect(answered).toBeLessThan(hostAnsweredShare.max);
    }
  });

  it("starts flows in order, whatever the steps it is asked in", () => {
    const starts = flowsOf(1, 20_000).map(({ flow }) => flow.startMs);
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
    expect(Math.abs(starts.length - flowsOf(1).length)).toBeLessThan(starts.length * 0.05);
  });

  it("lets at most three hosts try one server that is gone", () => {
    const clients = new Map<number, Set<number | undefined>>();
    for (const { flow, from } of flowsOf(1))
      if (flow.port === 8443 && flow.outcome === Outcome.refused)
        clients.set(flow.destination, (clients.get(flow.destination) ?? new Set()).add(from));
    expect(clients.size).toBe(hosts / 50);
    for (const each of clients.values()) expect(each.size).toBeLessThanOrEqual(3);
  });

  it("begins quietly when it is told to grow", () => {
    const fleet = new BenignFleet({ seed: 1, hosts: 20, flowsPerSecond: 2000, startMs, rampMs: 100_000 });
    const first = fleet.until(startMs + 10_000).length / 10;
    for (let untilMs = startMs + 11_000; untilMs <= startMs + 100_000; untilMs += 1000) fleet.until(untilMs);
    const grown = fleet.until(startMs + 110_000).length / 10;
    expect(first).toBeLessThan(250);
    expect(grown).toBeGreaterThan(1900);
  });
});
