import type { Finding, ScoreFactor, Severity } from "../incidents/incident.js";
import type { Policy } from "../policy/policy.js";
import { formatAddressKey, type AddressKey } from "../windows/address-key.js";
import { formatPort } from "../windows/contact-key.js";
import type { FactWindow } from "../windows/fact-window.js";
import { factFinding } from "./fact-finding.js";
import { marginWeight } from "./finding-builder.js";
import { otherSampling, type LoginConnection } from "./login-attempts.js";
import { alikeShare } from "./login-shape.js";
import type { Evaluation } from "./source-scan.js";

const tcp = 6;
/** Share of short and alike connections in all that the source makes there. */
const attemptShareMin = 0.8;
const alikeShareMin = 0.75;
/** Attempts a host, on average, of one who sprays. */
const attemptsPerHostMin = 1.5;
/** One source with this share of its prefix's attempts stands for itself. */
const ownShareMax = 0.6;

/** Attempts at one service that are an attack. */
export interface LoginAttack {
  readonly attempts: readonly LoginConnection[];
  /** Attempts from which it is one. */
  readonly limit: number;
  /** Hosts that were sprayed; 0 for an attack on one. */
  readonly sprayedHosts: number;
}

/** What a detector of logins decides for itself. */
export interface LoginRules {
  /** Attempts that one source needs at the service of this connection. */
  readonly limitOf: (login: LoginConnection) => number;
  /** Drops what is no attempt though it looks like one; by host, and so is what is given. */
  readonly triedHosts: (hosts: readonly LoginConnection[][]) => LoginConnection[][];
  /** Many sources: one that does most of it stands for itself. */
  readonly isPrefix: boolean;
  /** Several hosts count, one host never does. */
  readonly isSprayOnly: boolean;
}

/** True when the subject of a window of logins is a /24 or /48. */
export function isPrefixSubject({ subject }: FactWindow): boolean {
  return subject.length === 3 || subject.length === 6;
}

/** The attack with the most attempts on any service that one source or prefix connects to, if any. */
export function worstAttack(
  connections: readonly LoginConnection[],
  rules: LoginRules,
  policy: Policy,
): LoginAttack | undefined {
  let worst: LoginAttack | undefined;
  for (const ofPort of groupBy(connections, ({ port, ssh }) => (ssh ? `ssh ${port}` : `${port}`))) {
    const hosts = rules.triedHosts(groupBy(ofPort, ({ destination }) => destination));
    const limit = rules.limitOf(ofPort[0]);
    const spray = sprayOf(hosts, limit, policy);
    const attack = rules.isSprayOnly ? spray : moreOf(attackOnHosts(hosts, limit), spray);
    if (attack === undefined || (rules.isPrefix && isOfOne(attack.attempts))) continue;
    if (worst === undefined || attack.attempts.length > worst.attempts.length) worst = attack;
  }
  return worst;
}

/** What is tried by each host for itself. */
function attackOnHosts(hosts: readonly LoginConnection[][], limit: number): LoginAttack | undefined {
  const attempts = hosts.filter((host) => isAttack(host, limit)).flatMap(attemptsOf);
  return attempts.length === 0 ? undefined : { attempts, limit, sprayedHosts: 0 };
}

/** What is tried of several hosts together. */
function sprayOf(
  hosts: readonly LoginConnection[][],
  limit: number,
  { bruteForce }: Policy,
): LoginAttack | undefined {
  if (!isAttack(hosts.flat(), limit)) return undefined;
  const attempts = hosts.flatMap(attemptsOf);
  const tried = new Set(attempts.map(({ destination }) => destination)).size;
  if (tried < bruteForce.hostsMin || attempts.length < tried * attemptsPerHostMin) return undefined;
  return { attempts, limit, sprayedHosts: tried };
}

function moreOf(attack: LoginAttack | undefined, spray: LoginAttack | undefined): LoginAttack | undefined {
  if (attack === undefined || spray === undefined) return attack ?? spray;
  return spray.attempts.length >= attack.attempts.length ? spray : attack;
}

/** Enough attempts, alike, and hardly anything else. */
function isAttack(connections: readonly LoginConnection[], limit: number): boolean {
  const attempts = attemptsOf(connections);
  const others = (connections.length - attempts.length) * otherSampling;
  if (attempts.length < limit || attempts.length < (attempts.length + others) * attemptShareMin) return false;
  return alikeShare(attempts) >= alikeShareMin;
}

function attemptsOf(connections: readonly LoginConnection[]): LoginConnection[] {
  return connections.filter(({ isAttempt }) => isAttempt);
}

function isOfOne(attempts: readonly LoginConnection[]): boolean {
  const counts = groupBy(attempts, ({ source }) => source).map(({ length }) => length);
  return Math.max(...counts) > attempts.length * ownShareMax;
}

/**
 * The finding of an attack.
 * @param name of the factor that counts the attempts
 */
export function loginFinding(
  { attempts, limit, sprayedHosts }: LoginAttack,
  name: string,
  severity: Severity,
  window: FactWindow,
  evaluation: Evaluation,
): Finding {
  const { hostsMin } = evaluation.policy.bruteForce;
  const factors: ScoreFactor[] = [
    {
      name,
      value: attempts.length,
      threshold: limit,
      weight: 0.55 + marginWeight(attempts.length, limit, 0.06, 0.2),
    },
  ];
  if (sprayedHosts > 0)
    factors.push({
      name: "sprayed_hosts",
      value: sprayedHosts,
      threshold: hostsMin,
      weight: 0.1 + marginWeight(sprayedHosts, hostsMin, 0.05, 0.1),
    });
  return factFinding(
    {
      kind: "brute_force",
      primaryKey: formatAddressKey(window.subject),
      severity,
      factors,
      sources: attempts.map(({ source }) => formatAddressKey(source)),
      targets: attempts.map(({ destination }) => formatAddressKey(destination)),
      ports: attempts.map(({ port }) => formatPort(port, tcp)),
      contactCount: attempts.length,
      sourceVerified: true,
      members: attempts.map(({ fact }) => fact),
    },
    window,
    evaluation,
  );
}

function groupBy(
  connections: readonly LoginConnection[],
  keyOf: (connection: LoginConnection) => string | AddressKey,
): LoginConnection[][] {
  const groups = new Map<string, LoginConnection[]>();
  for (const connection of connections) {
    const group = groups.get(keyOf(connection));
    if (group === undefined) groups.set(keyOf(connection), [connection]);
    else group.push(connection);
  }
  return [...groups.values()];
}
