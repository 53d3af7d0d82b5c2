import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ServerProcess } from "./server-process.js";

/** How a test's NATS server differs from the default. */
export interface NatsOptions {
  /** JetStream with file storage; default true. */
  readonly jetstream?: boolean;
  /** Text added to the configuration file, for example accounts or `max_payload: 65536`. */
  readonly config?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Address to listen on; default 127.0.0.1. "0.0.0.0" listens on loopback too. */
  readonly address?: string;
  /** Folder of the streams, which then outlives `stop`; default: a temporary one. */
  readonly storeDir?: string;
}

/** A running NATS server on loopback. */
export interface NatsProcess {
  /** "nats://127.0.0.1:PORT". */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly log: string;
  /** SIGTERM, for good; removes the temporary folder. */
  stop(): Promise<void>;
  /** SIGKILL; `restart` brings it back with its streams. */
  kill(): Promise<void>;
  /** Same port, same streams. */
  restart(): Promise<void>;
}

/** Starts a real NATS server; throws with the name of the Debian package when it is missing. */
export async function startNats(options: NatsOptions = {}): Promise<NatsProcess> {
  const server = new ServerProcess({
    program: "nats-server",
    aptPackage: "nats-server",
    readyLine: "Server is ready",
    args: (port, folder) => {
      const file = join(folder, "nats.conf");
      writeFileSync(file, configuration(port, options.storeDir ?? join(folder, "jetstream"), options));
      return ["-c", file];
    },
  });
  await server.start(options.port);
  return {
    get url() {
      return `nats://127.0.0.1:${server.port}`;
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

function configuration(port: number, storeDir: string, options: NatsOptions): string {
  const jetstream =
    options.jetstream === false ? "" : `jetstream { store_dir: ${JSON.stringify(storeDir)} }\n`;
  return `listen: "${options.address ?? "127.0.0.1"}:${port}"\n${jetstream}${options.config ?? ""}\n`;
}
