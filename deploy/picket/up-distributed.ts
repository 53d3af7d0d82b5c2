import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

import { exitCodes } from "./exit-codes.js";
import type { UpConfig } from "./up-config.js";

const launcher = fileURLToPath(new URL("../../picket/bin.mjs", import.meta.url));
const stopDeadlineMs = 10_000;

/**
 * Sensor, correlator and api as processes of their own over NATS and Redis.
 * When one ends by itself the others are stopped, and its exit code is the
 * command's.
 */
export async function upDistributed(config: UpConfig, signal: AbortSignal): Promise<number> {
  if (config.logLevel !== "silent")
    process.stderr.write(
      `picket runs a sensor on ${config.interface || "the default interface"}, a correlator and the api on ${config.listen}; Ctrl-C stops all three\n`,
    );
  const children = rolesOf(config).map((args) => start(args, config));
  const ends = children.map(exitCodeOf);
  const firstEnd = Promise.race(ends);
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  const code = await Promise.race([firstEnd, aborted]);
  for (const child of children) child.kill("SIGTERM");
  const killer = setTimeout(() => children.forEach((child) => child.kill("SIGKILL")), stopDeadlineMs);
  await Promise.all(ends);
  clearTimeout(killer);
  return code ?? exitCodes.done;
}

function rolesOf(config: UpConfig): string[][] {
  const sensor = ["sensor", "--interface", config.interface];
  if (config.name !== "") sensor.push("--name", config.name);
  return [sensor, ["correlator"], ["api", "--listen", config.listen]];
}

/** Servers go through the environment: a command line is readable by everyone on the machine. */
function start(args: readonly string[], config: UpConfig): ChildProcess {
  const level = config.logLevel === "silent" ? "error" : config.logLevel;
  const environment = { PICKET_NATS: config.nats, PICKET_REDIS: config.redis, PICKET_LOG_LEVEL: level };
  return spawn(process.execPath, [launcher, ...args], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...environment },
  });
}

function exitCodeOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.on("error", () => resolve(exitCodes.bug));
    child.on("exit", (code) => resolve(code ?? exitCodes.bug));
  });
}
