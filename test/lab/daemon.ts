import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { inNamespace } from "./command.js";
import { until } from "./until.js";

const logLinesMax = 200;
const stopMaxMs = 8000;

/** A process that runs until it is told to stop. */
export class Daemon {
  readonly log: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #end: string | undefined;

  constructor(
    readonly name: string,
    words: readonly string[],
    namespace: string | undefined,
  ) {
    const [program, ...rest] = inNamespace(namespace, words);
    const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on("line", (line) => this.#take(line));
    this.#ended = new Promise((resolve) => {
      child.once("error", (error) => this.#take(error.message));
      child.once("close", (code, signal) => {
        this.#end = signal ?? `exit ${code}`;
        resolve();
      });
    });
  }

  /** "exit 0", "SIGKILL" and alike; undefined while it runs. */
  get end(): string | undefined {
    return this.#end;
  }

  /** Waits for a line that matches; throws with the log when it does not come. */
  async untilLine(pattern: RegExp, timeoutMs: number): Promise<void> {
    const isThere = await until(
      () => this.log.some((line) => pattern.test(line)) || this.#end !== undefined,
      timeoutMs,
    );
    if (!isThere || !this.log.some((line) => pattern.test(line)))
      throw new Error(
        `${this.name} (${this.#end ?? "running"}) did not say ${pattern}:\n${this.log.join("\n")}`,
      );
  }

  /** Resolves to how it ended. */
  async finished(): Promise<string> {
    await this.#ended;
    return this.#end ?? "";
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** SIGTERM, SIGKILL when that does not help within 8 s. */
  async stop(): Promise<void> {
    if (this.#end !== undefined) return;
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), stopMaxMs);
    await this.#ended;
    clearTimeout(timer);
  }

  #take(line: string): void {
    this.log.push(line);
    if (this.log.length > logLinesMax) this.log.shift();
  }
}
