import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { untilReady } from "../servers/until-ready.js";

/** The folder of the built and the source file lie at different depths. */
const root = new URL(import.meta.url.includes("/dist/faults/") ? "../../../" : "../../", import.meta.url);
const launcher = fileURLToPath(new URL("deploy/picket/bin.mjs", root));

/** Why no process of ours can be started; undefined when one can. */
export const notBuilt: string | undefined = [
  "correlator/dist/main.js",
  "test/dist/faults/exporting-sensor.js",
].every((file) => existsSync(fileURLToPath(new URL(file, root))))
  ? undefined
  : "build first: npm run build";

const startMaxMs = 30_000;
const stopMaxMs = 10_000;
const logCharsMax = 16_384;

/** Where a correlator finds its servers, and what it is allowed. */
export interface CorrelatorProcessSettings {
  readonly nats: readonly string[];
  readonly redis: string;
  readonly flowsBytesMax: number;
  readonly streamReplicas?: number;
}

/** `picket correlator` as a child process, which can be killed and started again. */
export class CorrelatorProcess {
  /** Lines of the last start, the end when long. */
  log = "";
  #child: ChildProcess | undefined;

  constructor(private readonly settings: CorrelatorProcessSettings) {}

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`the correlator is not running\n${this.log}`);
    return pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Resolves when it correlates. */
  async start(): Promise<void> {
    const { nats, redis, flowsBytesMax, streamReplicas = 1 } = this.settings;
    const limits = ["--flows-bytes-max", String(flowsBytesMax), "--incidents-bytes-max", String(64 << 20)];
    const servers = [
      ...nats.flatMap((url) => ["--nats", url]),
      "--redis",
      redis,
      "--stream-replicas",
      String(streamReplicas),
    ];
    this.log = "";
    const child = spawn(process.execPath, [launcher, "correlator", ...servers, ...limits], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (this.log = (this.log + chunk.toString()).slice(-logCharsMax)));
    child.once("exit", () => {
      if (this.#child === child) this.#child = undefined;
    });
    await untilReady("the correlator correlates", startMaxMs, () => {
      if (this.#child !== child) throw new Error(`the correlator ended\n${this.log}`);
      return this.log.includes("correlating");
    });
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async restart(): Promise<void> {
    await this.#end("SIGKILL");
    await this.start();
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), stopMaxMs);
    await ended;
    clearTimeout(timer);
  }
}
