import { execFileSync } from "node:child_process";
import { lchownSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { captureOnlyPrefix, holdsMoreThanCapture, type NeededFiles } from "./capture/live-privileges.js";
import { loadRingBinding } from "./capture/ring-binding.js";
import { type SensorConfig, spoolFolderOf, withName } from "./config.js";

/**
 * A sensor started by root goes on as the same process with CAP_NET_RAW alone,
 * which it keeps for the next meter, and as another user where `runAs` names
 * one. Does not return then. Returns why it could not, or undefined when there
 * is nothing to give up. To be called before anything is open.
 */
export function giveUpPrivileges(config: SensorConfig): string | undefined {
  if (!holdsMoreThanCapture()) return undefined;
  try {
    return replaceOurselves(withName(config));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function replaceOurselves(config: SensorConfig): string {
  const binding = loadRingBinding();
  const user = config.runAs === "" ? undefined : userNamed(config.runAs);
  const folder = resolve(spoolFolderOf(config));
  if (config.spool === "disk") {
    const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (user !== undefined) giveFolder(folder, made ?? folder, user);
  }
  const prefix = captureOnlyPrefix(filesOf(config, folder), userOptions(user));
  if (prefix.kind !== "prefix") return prefix.kind === "impossible" ? prefix.reason : "";
  // The default is another one for another user.
  if (config.spoolFolder === "") process.env["PICKET_SPOOL_FOLDER"] = join(folder, "..");
  return binding.replaceProcess([
    ...prefix.command,
    process.execPath,
    ...process.execArgv,
    ...process.argv.slice(1),
  ]);
}

interface User {
  readonly userId: number;
  readonly groupId: number;
}

function userNamed(name: string): User {
  const idOf = (flag: string) =>
    Number(execFileSync("id", [flag, "--", name], { encoding: "utf8", stdio: "pipe" }));
  try {
    return { userId: idOf("-u"), groupId: idOf("-g") };
  } catch (cause) {
    throw new Error(`there is no user ${name}`, { cause });
  }
}

function userOptions(user: User | undefined): string[] {
  if (user === undefined) return [];
  return [`--reuid=${user.userId}`, `--regid=${user.groupId}`, "--clear-groups"];
}

/** The folders that were made, the first of them `top`, and the spool's files of an earlier start. */
function giveFolder(folder: string, top: string, { userId, groupId }: User): void {
  for (const name of readdirSync(folder)) lchownSync(join(folder, name), userId, groupId);
  for (let each = folder; each.length >= top.length; each = dirname(each)) lchownSync(each, userId, groupId);
}

/** What is read or written later; the keys and certificates at every new connection. */
function filesOf(config: SensorConfig, spoolFolder: string): NeededFiles {
  const secrets = [
    config.natsCredentialsFile,
    config.natsNkeyFile,
    config.natsTlsCaFile,
    config.natsTlsCertificateFile,
    config.natsTlsKeyFile,
  ];
  const programs = [process.argv[1] ?? ""];
  return {
    read: [...programs, ...secrets].filter((file) => file !== ""),
    write: config.spool === "disk" ? [spoolFolder] : [],
  };
}
