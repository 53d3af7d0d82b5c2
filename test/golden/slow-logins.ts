import type { Incident } from "@picket/correlator/incidents/incident.js";
import { Application, Outcome } from "@picket/proto/batch/flow-columns.js";
import { scenarioStartMs, type ScenarioFlow } from "../engine/flow-scenario.js";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { incidentsOf } from "./golden-run.js";

const minuteMs = 60_000;
/** A day, and the six hours' slice that it ends in. */
const hours = 30;
const pushed = 0x1b;

/** Connections of one source to a login service over a day. */
interface Logins {
  readonly count: number;
  readonly gapMinutes: number;
  /** Share of the gap by which each comes early or late. */
  readonly jitter: number;
  readonly source: (index: number) => string;
  readonly hosts: number;
  /** Bytes of the client and of the server. */
  readonly bytes: (random: SeededRandom) => readonly [number, number];
  readonly details?: Partial<ScenarioFlow>;
}

const guesser = (): string => "10.9.7.8";
const stranger = (): string => "198.51.100.7";
const failed: Logins["bytes"] = (random) => [random.between(2300, 2500), random.between(2500, 2700)];
const session: Logins["bytes"] = (random) => [random.between(3400, 9000), random.between(4100, 20_000)];
const banner: Logins["bytes"] = () => [380, 1400];

/** Guessing at a pace that no 20 minutes show. */
export const slowGuesses = {
  "one attempt a minute at one host, for two hours": logins({ count: 120, gapMinutes: 1, hosts: 1 }),
  "one attempt every half an hour at one host": logins({ count: 48, gapMinutes: 30, hosts: 1 }),
  "one attempt an hour at each of twelve hosts": logins({ count: 288, gapMinutes: 5, hosts: 12 }),
  "from outside, one attempt every 20 minutes, by a timer": logins({
    count: 72,
    gapMinutes: 20,
    hosts: 1,
    jitter: 0,
    source: stranger,
  }),
  "twelve sources of a /24, one attempt each every two hours at each of six hosts": logins({
    count: 144,
    gapMinutes: 10,
    hosts: 6,
    source: (index) => `198.51.100.${10 + ((index * 5) % 12)}`,
  }),
} as const;

/** What a public host hears all day: strangers from all over, a try every half an hour each. */
export const manyStrangers: readonly ScenarioFlow[] = logins({
  count: 1000,
  gapMinutes: 1.4,
  hosts: 1,
  source: (index) => `${130 + (index % 20)}.7.3.9`,
});

/** What comes back to login services all day and is no guessing. */
export const dailyLogins: readonly ScenarioFlow[] = [
  // A probe of the banner each minute at each of eight hosts, and one from outside.
  ...logins({ count: 1440, gapMinutes: 1, hosts: 8, jitter: 0.01, source: () => "10.9.6.1", bytes: banner }),
  ...logins({ count: 288, gapMinutes: 5, hosts: 1, jitter: 0.2, source: stranger, bytes: banner }),
  // Ansible at twelve hosts each half an hour, git by cron, backups, and somebody's commands.
  ...logins({
    count: 576,
    gapMinutes: 2.5,
    hosts: 12,
    jitter: 0.05,
    source: () => "10.9.6.2",
    bytes: session,
  }),
  ...logins({ count: 288, gapMinutes: 5, hosts: 1, jitter: 0.01, source: () => "10.9.6.3", bytes: session }),
  ...logins({
    count: 24,
    gapMinutes: 60,
    hosts: 1,
    jitter: 0.02,
    source: () => "10.9.6.4",
    bytes: () => [90_000, 9000],
  }),
  ...logins({ count: 100, gapMinutes: 12, hosts: 3, jitter: 0.5, source: () => "10.9.6.5", bytes: session }),
  // A check that logs in by a timer, and a mail program with the password of yesterday.
  ...logins({ count: 288, gapMinutes: 5, hosts: 1, jitter: 0.01, source: () => "10.9.6.6" }),
  ...logins({
    count: 288,
    gapMinutes: 5,
    hosts: 1,
    source: () => "10.9.6.7",
    bytes: () => [1900, 5100],
    details: { port: 993, application: Application.tls },
  }),
];

/** What the engine says of a day with these flows. */
export function incidentsOfDay(flows: readonly ScenarioFlow[]): Promise<Incident[]> {
  return incidentsOf(flows, hours);
}

function logins({
  count,
  gapMinutes,
  hosts,
  jitter = 0.4,
  source = guesser,
  bytes = failed,
  details,
}: Partial<Logins> & Pick<Logins, "count" | "gapMinutes" | "hosts">): ScenarioFlow[] {
  const random = new SeededRandom(17);
  return Array.from({ length: count }, (_, index) => {
    const [forwardBytes, reverseBytes] = bytes(random);
    const early = (2 * random.next() - 1) * jitter;
    return {
      source: source(index),
      destination: `10.9.0.${20 + (index % hosts)}`,
      port: 22,
      sourcePort: 33_000 + ((index * 37) % 30_000),
      timeMs: Math.round(scenarioStartMs + (index + 0.5 + early) * gapMinutes * minuteMs),
      durationMs: 1400,
      outcome: Outcome.answered,
      application: Application.ssh,
      flags: pushed,
      forwardPackets: 13,
      reversePackets: 12,
      forwardBytes,
      reverseBytes,
      ...details,
    };
  });
}
