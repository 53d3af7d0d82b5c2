import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { untilReady } from "../servers/until-ready.js";
import type {
  ExportingSensorOrder,
  ExportingSensorReport,
  ExportingSensorSettings,
} from "./exporting-sensor.js";

/** The built process: a source file would need a loader. */
const program = fileURLToPath(new URL("../dist/faults/exporting-sensor.js", import.meta.url)).replace(
  "/dist/dist/",
  "/dist/",
);
const startMaxMs = 20_000;
const stopMaxMs = 10_000;
const logCharsMax = 8192;

/** An exporting sensor as a child process, which can be killed and started again on the same spool. */
export class ExportingSensorProcess {
  /** The last report of the process that runs or ran last. */
  report: ExportingSensorReport | undefined;
  log = "";
  #child: ChildProcess | undefined;
  #isStopping = false;

  constructor(readonly settings: ExportingSensorSettings) {}

  get name(): string {
    return `host-${this.settings.index}`;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} is not running`);
    return pid;
  }

  /** Resolves with the first report. */
  async start(): Promise<void> {
    this.report = undefined;
    this.#isStopping = false;
    // Not the flags of a test runner, which would lead it to the sources.
    const child = fork(program, [JSON.stringify(this.settings)], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      execArgv: [],
    });
    this.#child = child;
    child.on("message", (report: ExportingSensorReport) => (this.report = report));
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (chunk: Buffer) => (this.log = (this.log + chunk.toString()).slice(-logCharsMax)));
    child.once("exit", (code, signal) => {
      if (this.#child === child) this.#child = undefined;
      if (!this.#isStopping) this.log += `\n${this.name} ended: ${signal ?? code}`;
    });
    await untilReady(`${this.name} reports`, startMaxMs, () => {
      if (this.#child !== child) throw new Error(this.log);
      return this.report !== undefined;
    });
  }

  /** No more records; what was emitted is delivered. Resolves when no more will be emitted. */
  async endFeed(): Promise<void> {
    this.#order("end");
    await untilReady(`${this.name} ended its feed`, stopMaxMs, () => this.report?.isFed === true);
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#ended("SIGKILL");
  }

  async restart(): Promise<void> {
    await this.#ended("SIGKILL");
    await this.start();
  }

  /** Delivers what it can and ends. */
  async stop(): Promise<void> {
    this.#order("stop");
    await this.#ended(undefined);
  }

  #order(order: ExportingSensorOrder): void {
    if (this.#child?.connected === true) this.#child.send(order);
  }

  async #ended(signal: NodeJS.Signals | undefined): Promise<void> {
    const child = this.#child;
    this.#isStopping = true;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    if (signal !== undefined) child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), stopMaxMs);
    await ended;
    clearTimeout(timer);
  }
}
