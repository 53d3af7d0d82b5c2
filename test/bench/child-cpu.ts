import { spawnSync } from "node:child_process";

/** Debian keeps daemons out of an ordinary user's path. */
const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;

/** The shell's own clock: user and system time of the command and what it waited for. */
const script = 'TIMEFORMAT="%3U %3S"; time "$@" 2>&3';

/** CPU seconds (user and system) of a whole process, its output thrown away; an Error when it fails. */
export function childCpuSeconds(command: readonly string[]): number {
  const child = spawnSync("bash", ["-c", script, "bash", ...command], {
    stdio: ["ignore", "ignore", "pipe", "pipe"],
    env: { ...process.env, PATH: path },
    encoding: "utf8",
    maxBuffer: 2 ** 24,
  });
  if (child.status !== 0) throw new Error(`${command.join(" ")} failed: ${child.output[3]}${child.stderr}`);
  const times = /([\d.]+) ([\d.]+)\s*$/.exec(child.stderr);
  if (times === null) throw new Error(`no times of ${command.join(" ")}: ${child.stderr}`);
  return Number(times[1]) + Number(times[2]);
}

/** True when the command can be run here. */
export function isInstalled(command: string): boolean {
  const found = spawnSync("bash", ["-c", 'command -v "$1"', "bash", command], {
    stdio: "ignore",
    env: { ...process.env, PATH: path },
  });
  return found.status === 0;
}
