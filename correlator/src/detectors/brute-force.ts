import { ipProtocol } from "../flows/ip-protocol.js";
import type { FlowRow } from "../flows/flow-row.js";
import type { Finding, Severity } from "../incidents/incident.js";
import type { AddFact, FactKind, FactWindow } from "../windows/fact-window.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { isPrefixSubject, loginFinding, worstAttack, type LoginAttack } from "./login-attack.js";
import {
  addLogin,
  connectionSizes,
  isLogin,
  loginMark,
  loginSizes,
  personPorts,
  type LoginConnection,
} from "./login-attempts.js";
import { unscheduled } from "./login-shape.js";
import { wholeLogins } from "./whole-logins.js";

const sliceMs = 600_000;
/** Services that programs log in to all day, and how many times as many attempts they need. */
const mailPorts: ReadonlySet<number> = new Set([25, 110, 143, 465, 587, 993, 995]);
const mailFactor = 10;
/** Databases and directories: who asks one thing and is answered says no more than who is refused. */
const askedPorts: ReadonlySet<number> = new Set([389, 636, 1433, 1521, 3306, 5432, 6379, 27017]);
/** Where no person logs in, between inside hosts: databases, directories and file servers. */
const insideFactor = 4;
/** So many times the attempts make an outside source's attack more severe. */
const severeFactor = 5;
/** So many times within a minute are fast. */
const fastFactor = 2;
const fastMs = 60_000;

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
 * sources, twice that where it takes more than two seconds), and one in eight of the longer ones; a host that nobody logs in to has none.
 */
export const bruteForce: FactDetector = {
  kinds: ["brute_force"],
  facts,
  protocols: [ipProtocol.tcp],
  observeFlow,
  detect,
};

function observeFlow(flow: FlowRow, add: AddFact): void {
  if (!isLogin(flow)) return;
  const mark = loginMark(flow, loginSizes(flow));
  if (mark !== undefined) addLogin(flow, add, facts, mark, flow.columns.sourcePort[flow.row], flow.endMs);
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const window = windows[windows.length - 1];
  const isPrefix = isPrefixSubject(window);
  const isInside = !isPrefix && evaluation.isInside(window.subject);
  const attack = worstAttack(
    wholeLogins(
      windows.flatMap(({ members }) => members),
      connectionSizes,
    ),
    {
      limitOf: (login) => attemptsLimit(login, isInside, evaluation),
      triedHosts: unscheduled,
      isPrefix,
      isSprayOnly: isPrefix,
    },
    evaluation.policy,
  );
  if (attack === undefined) return undefined;
  return loginFinding(attack, "login_attempts", severityOf(attack, isInside), window, evaluation);
}

/** Attempts that one source needs for this service. */
function attemptsLimit(
  { port, ssh }: LoginConnection,
  isInside: boolean,
  { policy }: FactEvaluation,
): number {
  const { attemptsMin } = policy.bruteForce;
  if (mailPorts.has(port)) return attemptsMin * mailFactor;
  return isInside && !ssh && !personPorts.has(port) ? attemptsMin * insideFactor : attemptsMin;
}

/**
 * A public host is tried all day: one outside source says little until it tries very much,
 * very fast, or many hosts. Inside, a program without a pool looks like a guess at a database.
 */
function severityOf({ attempts, limit, sprayedHosts }: LoginAttack, isInside: boolean): Severity {
  const isSpray = sprayedHosts > 0;
  if (isInside && !isSpray) return attempts.every(isAsked) ? "low" : "medium";
  if (isInside) return "high";
  const limits = attempts.length / limit;
  if (limits >= severeFactor * 10 || (isSpray && limits >= severeFactor)) return "high";
  const isFast = mostWithin(attempts, fastMs) >= fastFactor * limit;
  return isSpray || isFast || limits >= severeFactor ? "medium" : "low";
}

function isAsked({ port, ssh }: LoginConnection): boolean {
  return !ssh && askedPorts.has(port);
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
