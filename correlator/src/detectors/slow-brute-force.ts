import { ipProtocol } from "../flows/ip-protocol.js";
import { RecordKind } from "@picket/proto/batch/flow-columns.js";
import type { FlowRow } from "../flows/flow-row.js";
import type { Finding, Severity } from "../incidents/incident.js";
import type { AddFact, FactKind, FactWindow } from "../windows/fact-window.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { isPrefixSubject, loginFinding, worstAttack, type LoginAttack } from "./login-attack.js";
import {
  addLogin,
  connectionSizes,
  isLogin,
  isSshConnection,
  isSshLogin,
  loginMark,
  loginSizes,
  personPorts,
  type LoginConnection,
  type LoginMark,
  type LoginSizes,
} from "./login-attempts.js";
import { isOnTimer } from "./login-shape.js";
import { wholeLogins } from "./whole-logins.js";

const minuteMs = 60_000;
const ftp = 21;
/**
 * OpenSSH's client and server exchange 2,350 and 2,600 bytes for one wrong password,
 * 2,900 and 3,100 for six, and at least 3,300 and 4,000 for the shortest command of a
 * session: the server tells all its keys after the password.
 */
const sshSizes: LoginSizes = { forwardMax: 3100, reverseMax: 3400 };
/** The keys alone take as much of the client; who asks for the banner or the server's key says less. */
const sshForwardMin = 1400;
/** So many times the attempts make an outside source's spraying more severe. */
const severeFactor = 5;

const facts: FactKind = {
  id: 24,
  name: "slow_login",
  sliceMs: 21_600_000,
  slicesBefore: 3,
  hotMembersMin: 4,
  membersMax: 1024,
};

/**
 * Brute force (T1110) and spraying (T1110.003) over a day, at any pace: as many
 * minutes with a failed login as `bruteForce` wants of attempts, and hardly any other
 * connection. Only of services that people log in to, because a program with a wrong
 * password tries on for ever. Of SSH only what is too short for the shortest session
 * counts, so that commands, git, ansible and rsync do not, on schedule or not; inside,
 * and of the other services, a host that is tried as if by a timer does not count either.
 *
 * Cost: a member of some 30 bytes for each minute in which a source, and its prefix
 * where it is outside, fails at a host, twice that where a login takes more than two
 * seconds; 1,024 of a source in six hours at most.
 */
export const slowBruteForce: FactDetector = {
  kinds: ["brute_force"],
  facts,
  protocols: [ipProtocol.tcp],
  observeFlow,
  detect,
};

function observeFlow(flow: FlowRow, add: AddFact): void {
  if (!isLogin(flow)) return;
  const mark = isSshLogin(flow) ? sshMark(flow) : personMark(flow);
  const minute = Math.floor((flow.timeMs % facts.sliceMs) / minuteMs);
  if (mark !== undefined) addLogin(flow, add, facts, mark, minute, flow.timeMs);
}

function sshMark(flow: FlowRow): LoginMark | undefined {
  const { columns, row } = flow;
  const isBeginning = columns.recordKind[row] !== RecordKind.last;
  return isBeginning && columns.forwardBytes[row] < sshForwardMin ? undefined : loginMark(flow, sshSizes);
}

/** Programs log in by FTP to move one small file, which is as short as a failure. */
function personMark(flow: FlowRow): LoginMark | undefined {
  const port = flow.columns.destinationPort[flow.row];
  return port !== ftp && personPorts.has(port) ? loginMark(flow, loginSizes(flow)) : undefined;
}

/** Sizes by which this detector knows a failed login. */
function sizesOf(login: LoginConnection): LoginSizes {
  return isSshConnection(login) ? sshSizes : connectionSizes(login);
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const window = windows[windows.length - 1];
  const isPrefix = isPrefixSubject(window);
  const isInside = !isPrefix && evaluation.isInside(window.subject);
  const { policy } = evaluation;
  const attack = worstAttack(
    windows.flatMap(({ members }) => wholeLogins(members, sizesOf)),
    {
      limitOf: () => policy.bruteForce.attemptsMin,
      triedHosts: (hosts) => hosts.filter((host) => !mayBeCheck(host, isInside) || !isOnTimer(host)),
      isPrefix,
      isSprayOnly: false,
    },
    policy,
  );
  if (attack === undefined) return undefined;
  return loginFinding(attack, "minutes_with_failed_logins", severityOf(attack, isInside), window, evaluation);
}

/** Nobody outside checks a fleet by logging in to it in vain. */
function mayBeCheck([login]: readonly LoginConnection[], isInside: boolean): boolean {
  return isInside || !isSshConnection(login);
}

/** What is slow says little at the edge to the Internet, where it is always there. */
function severityOf({ attempts, limit, sprayedHosts }: LoginAttack, isInside: boolean): Severity {
  const isSpray = sprayedHosts > 0;
  if (isInside) return isSpray ? "high" : "medium";
  return isSpray && attempts.length >= severeFactor * limit ? "medium" : "low";
}
