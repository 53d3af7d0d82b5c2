import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ServerProcess } from "./server-process.js";

/** How a test's Redis server differs from the default. */
export interface RedisOptions {
  /** Lines added to the configuration file; a later line of the same name wins. */
  readonly config?: string;
  /** Default: a free one. */
  readonly port?: number;
}

/** A running Redis server on loopback that stores nothing on disk. */
export interface RedisProcess {
  /** "redis://127.0.0.1:PORT". */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly log: string;
  /** SIGTERM, for good; removes the temporary folder. */
  stop(): Promise<void>;
  /** SIGKILL; everything in it is gone. */
  kill(): Promise<void>;
  /** Same port, empty. */
  restart(): Promise<void>;
}

const defaults = [
  "bind 127.0.0.1",
  "protected-mode no",
  'save ""',
  "appendonly no",
  "maxmemory-policy noeviction",
  "hash-max-listpack-entries 512",
  "daemonize no",
  'logfile ""',
];

/** Starts a real Redis server; throws with the name of the Debian package when it is missing. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisProcess> {
  const server = new ServerProcess({
    program: "redis-server",
    aptPackage: "redis-server",
    readyLine: "Ready to accept connections",
    args: (port, folder) => {
      const file = join(folder, "redis.conf");
      const lines = [...defaults, `port ${port}`, `dir ${JSON.stringify(folder)}`, options.config ?? ""];
      writeFileSync(file, `${lines.join("\n")}\n`);
      return [file];
    },
  });
  await server.start(options.port);
  return {
    get url() {
      return `redis://127.0.0.1:${server.port}`;
    },
    get port() {
      return server.port;
    },
    get pid() {
      return server.pid;
    },
    get log() {
      return server.log;
    },
    stop: () => server.stop(),
    kill: () => server.kill(),
    restart: () => server.restart(),
  };
}
