import type { FlowRow } from "../flows/flow-row.js";
import type { Finding, ScoreFactor, Severity } from "../incidents/incident.js";
import { formatAddressKey, prefixOf, type AddressKey } from "../windows/address-key.js";
import { formatPort } from "../windows/contact-key.js";
import type { AddFact, FactKind, FactWindow } from "../windows/fact-window.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { marginWeight } from "./finding-builder.js";
import { loginConnection, loginMember, otherSampling, type LoginConnection } from "./login-attempts.js";
import { alikeShare, unscheduled } from "./login-shape.js";

const tcp = 6;
const sliceMs = 600_000;
/** Services that programs log in to all day, and how many times as many attempts they need: */
const mailPorts: ReadonlySet<number> = new Set([25, 110, 143, 465, 587, 993, 995]);
const mailFactor = 10;
/** those where a person or an administrator logs in need no more. */
const personPorts: ReadonlySet<number> = new Set([21, 22, 23, 2222, 2323, 3389, 5900, 5901]);
/** The rest, between inside hosts: databases, directories and file servers. */
const insideFactor = 4;
/** Share of short and alike connections in all that the source makes there. */
const attemptShareMin = 0.8;
const alikeShareMin = 0.75;
/** Attempts a host, on average, of one who sprays. */
const attemptsPerHostMin = 1.5;
/** So many times the attempts make an outside source's attack more severe. */
const severeFactor = 5;
/** So many times within a minute are fast. */
const fastFactor = 2;
const fastMs = 60_000;
/** One source with this share of its prefix's attempts stands for itself. */
const ownShareMax = 0.6;

const facts: FactKind = {
  id: 15,
  name: "login",
  sliceMs,
  slicesBefore: 1,
  hotMembersMin: 2,
  membersMax: 2048,
};

/**
 * Brute force (T1110) and spraying (T1110.003): very many short connections, all
 * alike, that say hardly more than a failed login does, from one source to one login
 * service, or from one source or /24 to the same service of several hosts. Checks on
 * schedule, and sources whose other connections do real work, are left alone.
 * Cost: a fact is a short connection to a login service (two for outside
 * sources), and one in eight of the longer ones; a host that nobody logs in to has none.
 */
export const bruteForce: FactDetector = {
  kinds: ["brute_force"],
  facts,
  protocols: [tcp],
  observeFlow,
  detect,
};

function observeFlow(flow: FlowRow, add: AddFact): void {
  const login = loginMember(flow);
  if (login === undefined) return;
  const { columns, row, addresses } = flow;
  if (addresses.isGroup[columns.destinationIndex[row]] === 1) return;
  const source = flow.source();
  add(facts, source, login.member, flow.endMs, login.value);
  if (addresses.isInside[columns.sourceIndex[row]] === 0)
    add(facts, prefixOf(source), login.member, flow.endMs, login.value);
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const window = windows[windows.length - 1];
  const connections = windows.flatMap(({ members }) => members).map(loginConnection);
  const isPrefix = window.subject.length === 3 || window.subject.length === 6;
  const isInside = !isPrefix && evaluation.isInside(window.subject);
  let worst: Attack | undefined;
  for (const ofPort of groupBy(connections, ({ port, ssh }) => (ssh ? `ssh ${port}` : `${port}`))) {
    const limit = attemptsLimit(ofPort, isInside, evaluation);
    const hosts = unscheduled(groupBy(ofPort, ({ destination }) => destination));
    const attack = isPrefix ? sprayOf(hosts, limit, evaluation) : attackOf(hosts, limit, evaluation);
    if (attack === undefined || (isPrefix && isOfOne(attack.attempts))) continue;
    if (worst === undefined || attack.attempts.length > worst.attempts.length) worst = attack;
  }
  return worst === undefined ? undefined : findingFrom(worst, window, evaluation, isInside);
}

/** Attempts of one service port that are an attack. */
interface Attack {
  readonly attempts: readonly LoginConnection[];
  readonly limit: number;
  /** Hosts that were sprayed; 0 for an attack on one. */
  readonly sprayedHosts: number;
}

/** Attempts that one source needs for this service. */
function attemptsLimit(
  [first]: readonly LoginConnection[],
  isInside: boolean,
  { policy }: FactEvaluation,
): number {
  const { attemptsMin } = policy.bruteForce;
  if (mailPorts.has(first.port)) return attemptsMin * mailFactor;
  return isInside && !first.ssh && !personPorts.has(first.port) ? attemptsMin * insideFactor : attemptsMin;
}

/** What is tried by each host for itself, or of several hosts together where that is more. */
function attackOf(
  hosts: readonly LoginConnection[][],
  limit: number,
  evaluation: FactEvaluation,
): Attack | undefined {
  const attempts = hosts.filter((host) => isAttack(host, limit)).flatMap(attemptsOf);
  const spray = sprayOf(hosts, limit, evaluation);
  if (spray !== undefined && spray.attempts.length >= attempts.length) return spray;
  return attempts.length === 0 ? undefined : { attempts, limit, sprayedHosts: 0 };
}

function sprayOf(
  hosts: readonly LoginConnection[][],
  limit: number,
  { policy }: FactEvaluation,
): Attack | undefined {
  if (!isAttack(hosts.flat(), limit)) return undefined;
  const attempts = hosts.flatMap(attemptsOf);
  const tried = new Set(attempts.map(({ destination }) => destination)).size;
  if (tried < policy.bruteForce.hostsMin || attempts.length < tried * attemptsPerHostMin) return undefined;
  return { attempts, limit, sprayedHosts: tried };
}

function attemptsOf(connections: readonly LoginConnection[]): LoginConnection[] {
  return connections.filter(({ isAttempt }) => isAttempt);
}

/** Enough attempts, alike, and hardly anything else. */
function isAttack(connections: readonly LoginConnection[], limit: number): boolean {
  const attempts = attemptsOf(connections);
  const others = (connections.length - attempts.length) * otherSampling;
  if (attempts.length < limit || attempts.length < (attempts.length + others) * attemptShareMin) return false;
  return alikeShare(attempts) >= alikeShareMin;
}

function isOfOne(attempts: readonly LoginConnection[]): boolean {
  const counts = groupBy(attempts, ({ source }) => source).map(({ length }) => length);
  return Math.max(...counts) > attempts.length * ownShareMax;
}

function findingFrom(
  { attempts, limit, sprayedHosts }: Attack,
  window: FactWindow,
  evaluation: FactEvaluation,
  isInside: boolean,
): Finding {
  const { hostsMin } = evaluation.policy.bruteForce;
  const factors: ScoreFactor[] = [
    {
      name: "login_attempts",
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
      severity: severityOf(attempts, limit, sprayedHosts > 0, isInside),
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

/** A public host is tried all day: one outside source says little until it tries very much, very fast, or many hosts. */
function severityOf(
  attempts: readonly LoginConnection[],
  limit: number,
  isSpray: boolean,
  isInside: boolean,
): Severity {
  if (isInside) return isSpray ? "high" : "medium";
  const limits = attempts.length / limit;
  if (limits >= severeFactor * 10 || (isSpray && limits >= severeFactor)) return "high";
  const isFast = mostWithin(attempts, fastMs) >= fastFactor * limit;
  return isSpray || isFast || limits >= severeFactor ? "medium" : "low";
}

/** Most attempts that end within any time of this length. */
function mostWithin(attempts: readonly LoginConnection[], lengthMs: number): number {
  const times = attempts.map(({ fact }) => fact.lastMs).sort((a, b) => a - b);
  let most = 0;
  for (let from = 0, to = 0; to < times.length; to++) {
    while (times[to] - times[from] > lengthMs) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
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
