import { hostname, userInfo } from "node:os";

/** Who runs the command, "ana@desk-3", as author of what it changes. */
export function authorName(): string {
  return `${userInfo().username}@${hostname()}`.slice(0, 200);
}
