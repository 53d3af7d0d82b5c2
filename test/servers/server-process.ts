import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { freePort } from "./free-port.js";

/** How one kind of server is started and recognised as ready. */
export interface ServerSpec {
  readonly program: string;
  /** Debian package that holds the program. */
  readonly aptPackage: string;
  /** Line of the log after which the server accepts connections. */
  readonly readyLine: string;
  /** Command line for a port and a folder that only this server uses; may write files there. */
  readonly args: (port: number, folder: string) => string[];
}

/** Bytes of log kept for the message of a failed start. */
const logBytesMax = 64 * 1024;
const startTimeoutMs = 30_000;
const stopTimeoutMs = 5_000;
const portTries = 5;

const alive = new Set<ServerProcess>();
process.on("exit", () => {
  for (const server of alive) server.discard();
});

/**
 * A real server that lives as long as the test wants, in a temporary folder of
 * its own. It dies with this process, however that ends, and leaves no folder
 * behind unless this process was killed outright.
 */
export class ServerProcess {
  readonly #spec: ServerSpec;
  readonly #folder: string;
  #port: number;
  #child: ChildProcess | undefined;
  #log = "";

  constructor(spec: ServerSpec) {
    this.#spec = spec;
    this.#folder = mkdtempSync(join(tmpdir(), `picket-${spec.program}-`));
    this.#port = 0;
    alive.add(this);
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.#spec.program} is not running`);
    return pid;
  }

  /** Output of the last start, its end when long. */
  get log(): string {
    return this.#log;
  }

  /** Starts on `port`, or on a free one; a port lost to someone else is replaced by another. */
  async start(port?: number): Promise<void> {
    for (let tries = 1; ; tries++) {
      this.#port = port ?? (await freePort());
      try {
        return await this.#launch();
      } catch (error) {
        if (port !== undefined || tries === portTries || !/in use/i.test(this.#log)) {
          await this.stop();
          throw error;
        }
      }
    }
  }

  /** SIGKILL; the folder stays, so that `restart` finds what was stored. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Starts again on the same port with the same folder, after a clean stop if it still runs. */
  async restart(): Promise<void> {
    await this.#end("SIGTERM");
    await this.#launch();
  }

  /** Stops for good and removes the folder; harmless when repeated. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    this.discard();
  }

  /** Immediate end without waiting, for the exit of this process. */
  discard(): void {
    alive.delete(this);
    this.#child?.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }

  async #launch(): Promise<void> {
    const { program, aptPackage, args } = this.#spec;
    const path = findProgram(program);
    if (path === undefined)
      throw new Error(`${program} is not installed: apt-get install ${aptPackage} (and stop its service)`);
    this.#log = "";
    const [command, ...words] = dyingWithParent([path, ...args(this.#port, this.#folder)]);
    const child = spawn(command, words, { stdio: ["ignore", "pipe", "pipe"], cwd: this.#folder });
    this.#child = child;
    child.once("exit", () => {
      if (this.#child === child) this.#child = undefined;
    });
    await this.#ready(child);
    await connected(this.#port);
  }

  /** The line comes from our own child: a stranger on the same port cannot be taken for it. */
  #ready(child: ChildProcess): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void =>
        reject(new Error(`${this.#spec.program} on port ${this.#port} ${why}\n${this.#log}`));
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        fail(`was not ready within ${startTimeoutMs} ms`);
      }, startTimeoutMs);
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        act();
      };
      const read = (chunk: Buffer): void => {
        this.#log = (this.#log + chunk.toString()).slice(-logBytesMax);
        if (this.#log.includes(this.#spec.readyLine)) settle(resolve);
      };
      child.stdout?.on("data", read);
      child.stderr?.on("data", read);
      child.once("error", (error) => settle(() => fail(error.message)));
      child.once("close", (code, signal) => settle(() => fail(`ended (${signal ?? code})`)));
    });
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    await ended;
    clearTimeout(timer);
  }
}

/** Also /usr/sbin, where Debian puts nats-server and which an ordinary user's PATH lacks. */
function findProgram(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Has the kernel kill the server when this process dies without running its exit handlers. */
function dyingWithParent(words: readonly string[]): string[] {
  const setpriv = findProgram("setpriv");
  return setpriv === undefined ? [...words] : [setpriv, "--pdeathsig", "KILL", ...words];
}

function connected(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
  });
}
