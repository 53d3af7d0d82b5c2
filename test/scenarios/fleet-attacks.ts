import { defaultPolicy } from "@picket/correlator/policy/policy.js";
import { crowdAlarmCount } from "@picket/correlator/windows/crowd-test.js";
import { startSliceMs } from "@picket/correlator/windows/window-store.js";
import type { IncidentKind, Severity } from "@picket/correlator/incidents/incident.js";
import { Application, Outcome } from "@picket/proto/batch/flow-columns.js";
import { whenDistinct, type AttackScene, type Decided } from "./attack-scene.js";
import { hostAddress, serverAddress } from "./fleet-addresses.js";
import { decidedMs, udp, type FleetFlow } from "./simulated-flow.js";

/** One way to attack a fleet, with what must be found of it. */
export interface AttackKind {
  readonly name: string;
  readonly summary: string;
  /** One incident of one of these kinds, */
  readonly kinds: readonly IncidentKind[];
  /** at least as severe as this. */
  readonly severityMin: Severity;
  /** How long it lasts in a run of this length, milliseconds. */
  readonly lengthMs: (runMs: number) => number;
  readonly flows: (scene: AttackScene) => FleetFlow[];
  readonly decided: Decided;
  /** Largest fleet for which it is among the default attacks; default: any. */
  readonly hostsMax?: number;
}

const second = 1000;
/** Failed contacts that decide the sequential test: ln(0.99 / 1e-4) / ln 4, rounded up. */
const contactsDecisive = 7;
/** Sources that a crowd without a history alarms at. */
const sourcesDecisive = crowdAlarmCount(1e-8, { sources: 0, windows: 0 });
/** More sources than a crowd lists, at three seconds of the limiting rate. */
const floodDecisive = 300;
/** Contacts of one prefix from which its sources' overlap is tested. */
const campaignDecisive = 50;
const slowTargets = 30;
const burstFlowsMin = 100;
const burstFlows = 220;
const burstMs = 4 * second;

const bySource = whenDistinct(
  contactsDecisive,
  ({ source }) => source,
  ({ destination, port }) => `${destination}:${port}`,
);
const byPort = whenDistinct(
  sourcesDecisive,
  ({ port }) => port,
  ({ source }) => source,
);

/** Every attack of the simulator. */
export const attackKinds: readonly AttackKind[] = [
  {
    name: "vertical-scan",
    summary: "an inside machine tries sixty ports of one host",
    kinds: ["vertical_scan"],
    severityMin: "medium",
    lengthMs: () => 10 * second,
    flows: (scene) => {
      const [target] = scene.targets(1);
      return numbers(60).map((port) => scene.probe(scene.insider(), target, scene.port(port)));
    },
    decided: bySource,
  },
  {
    name: "horizontal-scan",
    summary: "an inside machine tries one port of thirty hosts",
    kinds: ["horizontal_scan"],
    // A small fleet has fewer hosts than it asks for.
    severityMin: "low",
    lengthMs: () => 10 * second,
    flows: (scene) => scene.targets(30).map((target) => scene.probe(scene.insider(), target, scene.port(0))),
    decided: bySource,
  },
  {
    name: "distributed-scan",
    summary: "forty sources share three ports of the fleet, three probes each",
    kinds: ["distributed_scan"],
    severityMin: "medium",
    lengthMs: () => 20 * second,
    flows: (scene) =>
      numbers(40).flatMap((source) =>
        scene
          .targets(3)
          .map((target, port) => scene.probe(scene.source(source * 256 + 9), target, scene.port(port))),
      ),
    decided: byPort,
  },
  {
    name: "port-sweep",
    summary: "sixty sources, each one probe of one port at a host of its own",
    kinds: ["distributed_scan"],
    severityMin: "medium",
    lengthMs: () => 20 * second,
    flows: (scene) =>
      scene
        .targets(60)
        .map((target, source) => scene.probe(scene.source(source * 256 + 9), target, scene.port(0))),
    decided: byPort,
  },
  {
    name: "slow-scan",
    summary: "an inside machine, one probe at each of thirty hosts, over two thirds of the run",
    kinds: ["horizontal_scan"],
    severityMin: "medium",
    lengthMs: (runMs) => (runMs * 2) / 3,
    flows: (scene) =>
      scene.targets(slowTargets).map((target, index) => {
        const startMs = scene.startMs + (scene.lengthMs * (index + 0.5)) / slowTargets;
        return scene.probe(scene.insider(), target, scene.port(0), { startMs });
      }),
    decided: bySource,
  },
  {
    name: "syn-flood",
    summary: "four thousand spoofed sources at one service in ten seconds",
    kinds: ["syn_flood"],
    severityMin: "high",
    lengthMs: () => 10 * second,
    flows: (scene) => {
      const [target] = scene.targets(1);
      return numbers(4000).map((source) =>
        scene.probe(scene.source(source * 16), target, scene.port(0), { outcome: Outcome.ignored }),
      );
    },
    decided: whenDistinct(
      floodDecisive,
      ({ destination, port }) => `${destination}:${port}`,
      ({ source }) => source,
    ),
  },
  {
    name: "cross-host-burst",
    summary: "a fifth of the hosts start two hundred flows each to one place in the same seconds",
    kinds: ["cross_host_burst"],
    severityMin: "medium",
    lengthMs: () => burstMs,
    flows: (scene) => scene.targets(burstHosts(scene.hosts) + 2).flatMap((from) => burstOf(scene, from)),
    decided: whenBursting,
    hostsMax: 200,
  },
  {
    name: "campaign",
    summary: "sixteen sources of one /24 divide sixteen hosts and six ports among themselves",
    kinds: ["campaign"],
    severityMin: "medium",
    lengthMs: () => 20 * second,
    flows: (scene) => {
      const targets = scene.targets(16);
      return targets.flatMap((target, host) =>
        numbers(6).map((port) =>
          scene.probe(scene.source(20 + ((host + port) % 16)), target, scene.port(port)),
        ),
      );
    },
    decided: whenDistinct(
      campaignDecisive,
      () => 0,
      ({ source, destination, port }) => `${source} ${destination}:${port}`,
    ),
  },
  {
    name: "outage",
    summary: "a look-alike: a service goes down and twelve inside clients that come later retry it",
    kinds: ["service_outage"],
    severityMin: "low",
    lengthMs: () => 15 * second,
    flows: outage,
    decided: whenDistinct(
      sourcesDecisive,
      ({ destination, port }) => `${destination}:${port}`,
      ({ source }) => source,
    ),
  },
  {
    name: "brute-force",
    summary: "one source, twelve short answered logins at each of twenty hosts",
    kinds: ["brute_force"],
    severityMin: "medium",
    lengthMs: () => 20 * second,
    flows: (scene) =>
      scene.targets(20).flatMap((target) =>
        numbers(12).map(() => {
          const login = {
            outcome: Outcome.answered,
            durationMs: 900,
            requestBytes: 1800,
            responseBytes: 2200,
          };
          return scene.probe(scene.source(1), target, 22, login);
        }),
      ),
    decided: whenCount(defaultPolicy.bruteForce.attemptsMin),
  },
  {
    name: "udp-flood",
    summary: "one source, six thousand datagrams to one host from as many ports",
    kinds: ["udp_flood"],
    severityMin: "medium",
    lengthMs: () => 10 * second,
    flows: (scene) => {
      const [target] = scene.targets(1);
      const datagram = { protocol: udp, outcome: Outcome.ignored, requestBytes: 1400 };
      return numbers(6000).map((port) =>
        scene.probe(scene.source(1), target, scene.port(0), { ...datagram, sourcePort: 20_000 + port }),
      );
    },
    decided: whenCount(3 * defaultPolicy.burst.udpFloodFlowsPerSecondMin),
  },
  {
    name: "mining",
    summary: "an inside host keeps a stratum connection to a pool",
    kinds: ["mining"],
    severityMin: "medium",
    lengthMs: (runMs) => runMs / 2,
    flows: (scene) => {
      const [from] = scene.targets(1);
      const ends = { source: hostAddress(from), destination: scene.source(1), port: 3333 };
      const bytes = { requestBytes: 20_000, responseBytes: 60_000, application: Application.stratum };
      const flow = scene.flow({ ...ends, ...bytes, startMs: scene.startMs, durationMs: scene.lengthMs });
      return [{ flow, from, to: undefined }];
    },
    decided: whenLast,
  },
];

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** Hosts that must burst together in a fleet of this size. */
function burstHosts(hosts: number): number {
  return Math.max(3, Math.ceil(hosts / 5));
}

function burstOf(scene: AttackScene, from: number): FleetFlow[] {
  const place = { source: hostAddress(from), destination: scene.source(1), port: scene.port(0) };
  return numbers(burstFlows).map((index) => ({
    flow: scene.flow({ ...place, sourcePort: 33_000 + index, responseBytes: 400 }),
    from,
    to: undefined,
  }));
}

/** When enough hosts have started enough flows in one slice. */
function whenBursting(flows: readonly FleetFlow[], hosts: number): number {
  const counts = new Map<string, number>();
  let bursting = 0;
  for (const { flow } of flows.toSorted((a, b) => decidedMs(a.flow) - decidedMs(b.flow))) {
    const key = `${flow.source} ${Math.floor(flow.startMs / startSliceMs)}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    if (count === burstFlowsMin && ++bursting >= burstHosts(hosts)) return decidedMs(flow);
  }
  return whenLast(flows);
}

/** When so many of its flows are decided, however they end; the last flow when there are fewer. */
function whenCount(count: number): Decided {
  return (flows) => {
    const timesMs = flows.map(({ flow }) => decidedMs(flow)).sort((a, b) => a - b);
    return timesMs[Math.min(count, timesMs.length) - 1];
  };
}

function whenLast(flows: readonly FleetFlow[]): number {
  return flows.reduce((lastMs, { flow }) => Math.max(lastMs, decidedMs(flow)), 0);
}

/**
 * It answers two clients and then nobody. A contact that was answered today is
 * no failed first contact, so those that fail are others.
 */
function outage(scene: AttackScene): FleetFlow[] {
  const ends = { destination: serverAddress(0x0800 + scene.number), port: scene.port(0) };
  return scene.targets(14).flatMap((from, client) => {
    const source = hostAddress(from);
    const bytes = { durationMs: 200, requestBytes: 800, responseBytes: 9000 };
    const served = { startMs: scene.startMs + client * 1000, ...bytes };
    const firstMs = scene.startMs + 5000 + scene.random.below(5000);
    const failed = numbers(3).map((retry) => ({ startMs: firstMs + retry * 1000, outcome: Outcome.refused }));
    return (client < 2 ? [served] : failed).map((more) => ({
      flow: scene.flow({ ...ends, source, ...more }),
      from,
      to: undefined,
    }));
  });
}
