import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findTool, searchPath } from "./tools.js";

const folderVariable = "PICKET_LAB_FOLDER";
/** Longest run; the lab itself aims at 150 s. */
const runMaxMs = 240_000;
const stopMaxMs = 15_000;

/**
 * Private network, mount and process namespaces: when the first process in them
 * ends, however it ends, the kernel ends all others and removes every network
 * namespace with its interfaces. Nothing can be left behind or be in the way of
 * another lab on the same machine.
 */
const isolation = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
/** Names of network namespaces are files; here they lie in memory and go with the mount namespace. */
const privateNames = "mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && ip link set lo up";

export function isIsolated(): boolean {
  return process.env[folderVariable] !== undefined;
}

/** Folder for files of this run; it is removed after the lab. */
export function labFolder(): string {
  const folder = process.env[folderVariable];
  if (folder === undefined) throw new Error("the lab runs only in its own namespaces");
  return folder;
}

/** Why the lab cannot run here, in one line; undefined when it can. */
export function unusableReason(): string | undefined {
  if (process.getuid?.() !== 0) return "it needs root, for network namespaces and capturing";
  for (const [tool, aptPackage] of [
    ["ip", "iproute2"],
    ["unshare", "util-linux"],
  ])
    if (findTool(tool) === undefined) return `${tool} is missing: apt-get install ${aptPackage}`;
  const trial = spawnSync(
    "unshare",
    [...isolation, "sh", "-c", `${privateNames} && ip netns add trial && ip netns exec trial true`],
    { encoding: "utf8", timeout: 10_000, env: { ...process.env, PATH: searchPath() } },
  );
  if (trial.status === 0) return undefined;
  const line = (trial.stderr ?? "").trim().split("\n").at(-1) ?? "";
  return `network namespaces do not work here${line === "" ? "" : `: ${line}`}`;
}

/**
 * Starts this program again in namespaces of its own; resolves to its exit code.
 * The end of its standard input asks it to stop, so it also stops when this
 * process is killed.
 */
export async function runIsolated(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), `picket-lab-${process.pid}-`));
  const inside = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn(
    "unshare",
    [...isolation, "sh", "-c", `${privateNames} && exec "$@"`, "sh", ...inside],
    {
      stdio: ["pipe", "inherit", "inherit"],
      env: { ...process.env, PATH: searchPath(), TMPDIR: folder, [folderVariable]: folder },
    },
  );
  // It may be gone before it is asked to stop.
  child.stdin.on("error", () => {});
  let interrupted = false;
  const stop = (): void => {
    interrupted = true;
    child.stdin.end();
    setTimeout(() => child.kill("SIGKILL"), stopMaxMs).unref();
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  const limit = setTimeout(stop, runMaxMs);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(limit);
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  return interrupted ? 1 : (code ?? 1);
}
