// Whether this process is root or may become it without being asked anything.
import { spawnSync } from "node:child_process";

/** True for root. */
export function isRoot() {
  return process.getuid?.() === 0;
}

let passwordless;
/** True when `sudo -n` works without a password. */
export function canSudo() {
  passwordless ??= spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0;
  return passwordless;
}

/** The command line that runs `command` as root, or undefined when that is not possible. */
export function asRoot(command) {
  if (isRoot()) return command;
  return canSudo() ? ["sudo", "-n", ...command] : undefined;
}
