import type { FactMember } from "../windows/fact-window.js";
import {
  isFailureSized,
  LoginMark,
  loginConnection,
  type LoginConnection,
  type LoginSizes,
} from "./login-attempts.js";

/**
 * The logins that facts are about. One of more than two seconds is two records, put
 * together here: its end alone is always short, whatever was said before.
 * @param sizesOf sizes of a failed login to the service of a connection
 */
export function wholeLogins(
  members: readonly FactMember[],
  sizesOf: (login: LoginConnection) => LoginSizes,
): LoginConnection[] {
  const begun = new Map<string, LoginConnection>();
  for (const fact of members)
    if (fact.member[0] === LoginMark.begun) begun.set(fact.member.slice(1), loginConnection(fact));
  return members
    .filter(({ member }) => member[0] !== LoginMark.begun)
    .map(loginConnection)
    .flatMap((login) => (login.isLate ? wholeLogin(login, begun, sizesOf(login)) : [login]));
}

/** One whose beginning was too long for a failure is none; it may be kept as such already. */
function wholeLogin(
  late: LoginConnection,
  begun: ReadonlyMap<string, LoginConnection>,
  sizes: LoginSizes,
): LoginConnection[] {
  const start = begun.get(late.fact.member.slice(1));
  if (start === undefined) return [];
  const forwardBytes = start.forwardBytes + late.forwardBytes;
  const reverseBytes = start.reverseBytes + late.reverseBytes;
  const durationMs = start.durationMs + late.durationMs;
  const isFailed = isFailureSized(forwardBytes, reverseBytes, sizes);
  return isFailed ? [{ ...late, isLate: false, forwardBytes, reverseBytes, durationMs }] : [];
}
