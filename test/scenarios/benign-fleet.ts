import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { hostAddress, serverAddress, webAddress } from "./fleet-addresses.js";
import { hostHabits, webPlaces, type HostHabits } from "./host-habits.js";
import { SeededRandom } from "./seeded-random.js";
import { tcp, udp, type FleetFlow, type SimulatedFlow } from "./simulated-flow.js";

/** An ordinary fleet. */
export interface BenignFleetSettings {
  readonly seed: number;
  readonly hosts: number;
  /** New flows a second of all hosts together. */
  readonly flowsPerSecond: number;
  /** Event time of the first flow, milliseconds since the Unix epoch. */
  readonly startMs: number;
  /** Traffic grows from nothing to its rate over this long, milliseconds; default 0. */
  readonly rampMs?: number;
}

/** A browser opens two connections to a place and drops the one that loses. */
const racingShare = 0.03;
const pollEveryMs = 60_000;
const polledMax = 200;
const pollPort = 9100;
/** Of the hosts that are polled, every so many has nothing that listens. */
const unpollableEvery = 100;
const backupEveryMs = 600_000;
const backupPort = 873;
const backupServer = 9;
const dnsServers = [2, 3] as const;
const deadServersFrom = 0x0900;
const servicesFrom = 0x0100;
const servicePorts = [443, 445, 389, 5432, 3306, 8080, 8443, 6379, 5672, 25] as const;

/** What an answered flow is for, by share. */
const purposes = [
  { until: 0.48, purpose: "dns" },
  { until: 0.86, purpose: "web" },
  { until: 0.97, purpose: "service" },
  { until: 1, purpose: "shell" },
] as const;

/**
 * Flows of an ordinary lab in order of their start: names, web, a host's own
 * few services, shells on other hosts, retries at places and at a server that
 * are gone, racing connections, a poller that visits hosts every minute, and a
 * backup of every host each ten minutes. The same settings give the same flows.
 */
export class BenignFleet {
  readonly #random: SeededRandom;
  readonly #habits: readonly HostHabits[];
  /** Hosts by cumulative share of the flows. */
  readonly #shares: Float64Array;
  #nowMs: number;
  #polls = 0;
  #backups = 0;

  constructor(private readonly settings: BenignFleetSettings) {
    const { seed, hosts, startMs } = settings;
    this.#random = new SeededRandom(seed);
    this.#habits = Array.from({ length: hosts }, (_, index) => hostHabits(seed, index, hosts));
    this.#shares = cumulative(this.#habits.map(({ flowsPerMinute }) => flowsPerMinute));
    this.#nowMs = startMs;
  }

  /** The flows that start before `untilMs` and were not given yet. */
  until(untilMs: number): FleetFlow[] {
    const flows: FleetFlow[] = [];
    this.#poll(untilMs, flows);
    this.#backUp(untilMs, flows);
    for (;;) {
      const gapMs = -Math.log(1 - this.#random.next()) * this.#meanGapMs();
      if (this.#nowMs + gapMs >= untilMs) break;
      this.#nowMs += gapMs;
      this.#act(this.#hostAt(this.#random.next()), flows);
    }
    // Without memory: what is left of the gap is as long as a new one.
    this.#nowMs = Math.max(this.#nowMs, untilMs);
    return flows.sort((a, b) => a.flow.startMs - b.flow.startMs);
  }

  #meanGapMs(): number {
    const { flowsPerSecond, startMs, rampMs = 0 } = this.settings;
    const grown = rampMs === 0 ? 1 : Math.min(1, (this.#nowMs - startMs + 1000) / rampMs);
    return 1000 / (flowsPerSecond * grown);
  }

  #hostAt(share: number): number {
    let low = 0;
    let high = this.#shares.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#shares[middle] > share) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #act(host: number, flows: FleetFlow[]): void {
    const habits = this.#habits[host];
    if (this.#random.chance(habits.failedShare)) return this.#fail(host, habits, flows);
    const draw = this.#random.next();
    const purpose = purposes.find(({ until }) => draw < until)?.purpose ?? "dns";
    if (purpose === "dns") return this.#askName(host, Outcome.answered, flows);
    if (purpose === "web") return this.#browse(host, flows);
    if (purpose === "shell" && this.settings.hosts > 1) return this.#openShell(host, habits, flows);
    this.#useService(host, habits, flows);
  }

  #askName(host: number, outcome: Outcome, flows: FleetFlow[]): void {
    this.#add(flows, host, serverAddress(this.#random.pick(dnsServers)), 53, outcome, {
      protocol: udp,
      durationMs: this.#random.exponential(9),
      requestBytes: this.#random.between(55, 85),
      responseBytes: 60 + this.#random.exponential(60),
    });
  }

  /** Visits go to the same few places most of the time, as Zipf's law has it. */
  #browse(host: number, flows: FleetFlow[]): void {
    const place = webAddress(Math.floor(webPlaces ** this.#random.next()) - 1);
    const port = this.#random.chance(0.75) ? 443 : 80;
    this.#add(flows, host, place, port, Outcome.answered, {
      durationMs: this.#random.exponential(port === 443 ? 1500 : 60),
      requestBytes: this.#random.between(300, 3000),
      responseBytes: 60 + this.#random.exponential(20_000),
    });
    if (this.#random.chance(racingShare)) this.#add(flows, host, place, port, Outcome.halfOpen);
  }

  #useService(host: number, { services }: HostHabits, flows: FleetFlow[]): void {
    const service = this.#random.pick(services);
    const port = servicePorts[service % servicePorts.length];
    this.#add(flows, host, serverAddress(servicesFrom + service), port, Outcome.answered, {
      durationMs: this.#random.exponential(800),
      requestBytes: this.#random.between(300, 20_000),
      responseBytes: 60 + this.#random.exponential(30_000),
    });
  }

  #openShell(host: number, { shells }: HostHabits, flows: FleetFlow[]): void {
    const to = this.#random.pick(shells);
    if (to === host) return this.#askName(host, Outcome.answered, flows);
    const durationMs = this.#random.exponential(20_000);
    const bytes = { requestBytes: this.#random.between(2000, 20_000), responseBytes: 30_000 };
    this.#add(flows, host, hostAddress(to), 22, Outcome.answered, { durationMs, ...bytes }, to);
  }

  /** Names that time out, places that are gone, and a server that died. */
  #fail(host: number, { deadPlaces, deadServer }: HostHabits, flows: FleetFlow[]): void {
    const draw = this.#random.next();
    if (deadServer !== undefined && draw < 0.5)
      return this.#add(flows, host, serverAddress(deadServersFrom + deadServer), 8443, Outcome.refused);
    if (draw < 0.7)
      return this.#add(flows, host, deadAddress(this.#random.pick(deadPlaces)), 443, Outcome.ignored);
    this.#askName(host, Outcome.ignored, flows);
  }

  #poll(untilMs: number, flows: FleetFlow[]): void {
    const polled = Math.min(this.settings.hosts - 1, polledMax);
    if (polled < 1) return;
    for (;;) {
      const startMs = this.settings.startMs + (this.#polls * pollEveryMs) / polled;
      if (startMs >= untilMs) return;
      const to = 1 + (this.#polls++ % polled);
      const outcome = to % unpollableEvery === 0 ? Outcome.refused : Outcome.answered;
      const bytes = { durationMs: 20, requestBytes: 200, responseBytes: 40_000 };
      this.#add(flows, 0, hostAddress(to), pollPort, outcome, { ...bytes, startMs }, to);
    }
  }

  #backUp(untilMs: number, flows: FleetFlow[]): void {
    const { hosts } = this.settings;
    for (;;) {
      const startMs = this.settings.startMs + (this.#backups * backupEveryMs) / hosts;
      if (startMs >= untilMs) return;
      const bytes = { requestBytes: 50_000_000, responseBytes: 40_000 };
      const durationMs = this.#random.exponential(10_000);
      const at = { startMs, durationMs, ...bytes };
      this.#add(
        flows,
        this.#backups++ % hosts,
        serverAddress(backupServer),
        backupPort,
        Outcome.answered,
        at,
      );
    }
  }

  #add(
    flows: FleetFlow[],
    from: number,
    destination: number,
    port: number,
    outcome: Outcome,
    more: Partial<SimulatedFlow> = {},
    to?: number,
  ): void {
    const flow: SimulatedFlow = {
      source: hostAddress(from),
      destination,
      port,
      outcome,
      protocol: tcp,
      sourcePort: this.#random.between(32_768, 60_999),
      startMs: this.#nowMs,
      durationMs: 1,
      requestBytes: 0,
      responseBytes: 0,
      ...more,
      ...(outcome === Outcome.answered ? {} : { durationMs: 1, requestBytes: 20, responseBytes: 0 }),
    };
    flows.push({ flow, from, to });
  }
}

/** Places that are gone are none of those that are visited. */
function deadAddress(number: number): number {
  return webAddress(webPlaces + number);
}

function cumulative(weights: readonly number[]): Float64Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shares = new Float64Array(weights.length);
  let sum = 0;
  weights.forEach((weight, index) => {
    sum += weight;
    shares[index] = sum / total;
  });
  return shares;
}
