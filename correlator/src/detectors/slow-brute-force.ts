import { ipProtocol } from "../flows/ip-protocol.js";
import { RecordKind } from "@picket/proto/batch/flow-columns.js";
import type { FlowRow } from "../flows/flow-row.js";
import type { Finding, Severity } from "../incidents/incident.js";
import type { AddFact, FactKind, FactWindow } from "../windows/fact-window.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { isPrefixSubject, loginFinding, worstAttack, type LoginAttack } from "./login-attack.js";
import {
  addLogin,
  endedLogin,
  isLogin,
  isShort,
  isSshConnection,
  isSshLogin,
  LoginMark,
  loginConnection,
  loginSizes,
  otherLogin,
  personPorts,
  type LoginConnection,
  type LoginSizes,
} from "./login-attempts.js";
import { isOnTimer } from "./login-shape.js";

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
  return isBeginning && columns.forwardBytes[row] < sshForwardMin ? undefined : markOf(flow, sshSizes);
}

/** Programs log in by FTP to move one small file, which is as short as a failure. */
function personMark(flow: FlowRow): LoginMark | undefined {
  const port = flow.columns.destinationPort[flow.row];
  return port !== ftp && personPorts.has(port) ? markOf(flow, loginSizes(flow)) : undefined;
}

function markOf(flow: FlowRow, sizes: LoginSizes): LoginMark | undefined {
  if (flow.columns.recordKind[flow.row] !== RecordKind.first) return endedLogin(flow, sizes);
  return isShort(flow, sizes) ? LoginMark.begun : otherLogin(flow);
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const window = windows[windows.length - 1];
  const isPrefix = isPrefixSubject(window);
  const isInside = !isPrefix && evaluation.isInside(window.subject);
  const { policy } = evaluation;
  const attack = worstAttack(
    windows.flatMap(loginsOf),
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

/** The logins of a window, those of more than two seconds put together from both records. */
function loginsOf({ members }: FactWindow): LoginConnection[] {
  const begun = new Map<string, LoginConnection>();
  for (const fact of members)
    if (fact.member[0] === LoginMark.begun) begun.set(fact.member.slice(1), loginConnection(fact));
  return members
    .filter(({ member }) => member[0] !== LoginMark.begun)
    .map(loginConnection)
    .flatMap((login) => (login.isLate ? wholeLogin(login, begun) : [login]));
}

/** One whose beginning was too long for a failure is none. */
function wholeLogin(late: LoginConnection, begun: ReadonlyMap<string, LoginConnection>): LoginConnection[] {
  const start = begun.get(late.fact.member.slice(1));
  if (start === undefined) return [];
  const bytes = start.bytes + late.bytes;
  const isFailed = !isSshConnection(late) || bytes <= sshSizes.forwardMax + sshSizes.reverseMax;
  return isFailed ? [{ ...late, isLate: false, bytes }] : [];
}

/** What is slow says little at the edge to the Internet, where it is always there. */
function severityOf({ attempts, limit, sprayedHosts }: LoginAttack, isInside: boolean): Severity {
  const isSpray = sprayedHosts > 0;
  if (isInside) return isSpray ? "high" : "medium";
  return isSpray && attempts.length >= severeFactor * limit ? "medium" : "low";
}
