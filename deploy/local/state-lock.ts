import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";

import { PicketError } from "@picket/proto/picket-error.js";

/**
 * Takes a state folder for this process and returns what gives it back. The
 * lock of a process that is gone is taken over. Throws PicketError
 * ADDRESS_IN_USE while another one runs, FILE_UNREADABLE when the folder cannot
 * be used.
 */
export async function lockState(folder: string): Promise<() => Promise<void>> {
  const file = join(folder, "lock");
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
    takeOver(file, folder);
  } catch (cause) {
    if (cause instanceof PicketError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PicketError("FILE_UNREADABLE", `${folder}: the state folder cannot be used: ${reason}`, {
      cause,
    });
  }
  return () => Promise.resolve(rmSync(file, { force: true }));
}

function takeOver(file: string, folder: string): void {
  if (tryCreate(file)) return;
  const holder = Number(readFileSync(file, "utf8"));
  if (isPicket(holder)) {
    throw new PicketError(
      "ADDRESS_IN_USE",
      `${folder} is in use by picket process ${holder}: stop it or give another folder with --state`,
    );
  }
  rmSync(file, { force: true });
  if (!tryCreate(file)) throw new PicketError("ADDRESS_IN_USE", `${folder} was just taken by another picket`);
}

function tryCreate(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** A process number may have been given to another program since. */
function isPicket(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  try {
    return /\bnode\b|picket/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
  } catch {
    return true;
  }
}
