import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { PicketError } from "@picket/proto/picket-error.js";

const fileName = "lock";

/**
 * Takes a folder for this process until the returned function is called, so
 * that two processes never write the same journal. What a crash left behind is
 * recognised by the process number and, on Linux, when that process started.
 * Throws PicketError FILE_UNREADABLE while another process has it.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const file = path.join(folder, fileName);
  const mine = await identityOf(process.pid);
  for (let tries = 0; tries < 3; tries++) {
    if (await createFile(file, mine)) return () => release(file, mine);
    const holder = await readFile(file, "utf8").catch(() => "");
    const pid = Number(holder.split(" ")[0]);
    if (holder !== mine && isRunning(pid) && (await identityOf(pid)) === holder) {
      const hint = "stop it or use another folder";
      throw new PicketError("FILE_UNREADABLE", `the folder ${folder} is used by process ${pid}: ${hint}`);
    }
    await rm(file, { force: true });
  }
  throw new PicketError("FILE_UNREADABLE", `the folder ${folder} is used by another process`);
}

async function createFile(file: string, content: string): Promise<boolean> {
  try {
    await writeFile(file, content, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

async function release(file: string, mine: string): Promise<void> {
  const holder = await readFile(file, "utf8").catch(() => "");
  if (holder === mine) await rm(file, { force: true });
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** The process number with its start time in clock ticks (proc(5) stat, field 22); a dash where there is no /proc. */
async function identityOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return `${pid} ${fields[19] ?? "-"}`;
}
