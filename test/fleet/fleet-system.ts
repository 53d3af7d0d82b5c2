import { existsSync } from "node:fs";
import { freePort } from "../servers/free-port.js";
import { startNats } from "../servers/nats-server.js";
import { startRedis } from "../servers/redis-server.js";
import { cpuSecondsOf } from "../bench/process-cpu.js";
import { RoleProcess } from "./role-process.js";

/** What a fleet reports to. */
export interface FleetSystemSettings {
  /** Correlators to start. */
  readonly correlators: number;
  /** Of a system that runs already; undefined: own servers are started. */
  readonly nats?: string;
  readonly redis?: string;
  /** "HOST:PORT" of a running api; undefined: an own one is started. */
  readonly api?: string;
}

/** Servers, correlators and an api, some of them started by us. */
export interface FleetSystem {
  readonly nats: string;
  readonly redis: string;
  readonly api: string;
  /** CPU seconds, user and system, of each process that we started, so far. */
  cpuSeconds(): Record<string, number>;
  /** Throws with its log when one of ours ended by itself. */
  check(): void;
  stop(): Promise<void>;
}

const flowsBytesMax = 1 << 30;
const incidentsBytesMax = 256 << 20;

/** Starts what is not given; what was started is stopped again when something fails. */
export async function startFleetSystem(settings: FleetSystemSettings): Promise<FleetSystem> {
  const ends: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    return await start(settings, ends, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  settings: FleetSystemSettings,
  ends: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<FleetSystem> {
  const pids = new Map<string, number>();
  const roles: RoleProcess[] = [];
  const server = async (
    name: string,
    begin: () => Promise<{ url: string; pid: number; stop(): Promise<void> }>,
  ): Promise<string> => {
    const started = await begin();
    ends.push(() => started.stop());
    pids.set(name, started.pid);
    return started.url;
  };
  const role = async (name: string, words: readonly string[], readyText: string): Promise<void> => {
    const started = await RoleProcess.start(name, words, readyText);
    ends.push(() => started.stop());
    pids.set(name, started.pid);
    roles.push(started);
  };
  const nats = settings.nats ?? (await server("nats", () => startNats()));
  const redis = settings.redis ?? (await server("redis", () => startRedis()));
  const where = ["--nats", nats, "--redis", redis];
  const limits = [
    "--flows-bytes-max",
    String(flowsBytesMax),
    "--incidents-bytes-max",
    String(incidentsBytesMax),
  ];
  for (let index = 0; index < settings.correlators; index++)
    await role(`correlator ${index}`, ["correlator", ...where, ...limits], "correlating");
  const api = settings.api ?? `127.0.0.1:${await freePort()}`;
  if (settings.api === undefined) await role("api", ["api", "--listen", api, ...where], "serving gRPC");
  return {
    nats,
    redis,
    api,
    cpuSeconds: () => cpuOf(pids),
    check: () => {
      for (const each of roles) each.check();
    },
    stop,
  };
}

function cpuOf(pids: ReadonlyMap<string, number>): Record<string, number> {
  const living = [...pids].filter(([, pid]) => existsSync(`/proc/${pid}/stat`));
  return Object.fromEntries(living.map(([name, pid]) => [name, cpuSecondsOf(pid)]));
}
