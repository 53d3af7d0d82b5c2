import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { untilReady } from "../servers/until-ready.js";

/** The folder of the built and the source file lie at different depths. */
const root = new URL(import.meta.url.includes("/dist/fleet/") ? "../../../" : "../../", import.meta.url);
const launcher = fileURLToPath(new URL("deploy/picket/bin.mjs", root));
/** Why no role can be started; undefined when one can. */
export const notBuilt: string | undefined = [
  "correlator/dist/main.js",
  "api/dist/main.js",
  "deploy/dist/picket/main.js",
].every((file) => existsSync(fileURLToPath(new URL(file, root))))
  ? undefined
  : "build first: npm run build";

const startMaxMs = 30_000;
const stopMaxMs = 10_000;
const logCharsMax = 16_384;

const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** A role of `picket` as a child process, which ends with this one. */
export class RoleProcess {
  /** The end of what it wrote. */
  log = "";
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #isEnded = false;

  private constructor(
    readonly name: string,
    words: readonly string[],
  ) {
    // Not the flags of a test runner, which would lead it to the sources.
    const child = spawn(process.execPath, [launcher, ...words], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    alive.add(child);
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (this.log = (this.log + chunk.toString()).slice(-logCharsMax)));
    this.#ended = new Promise((resolve) => {
      child.once("close", () => {
        alive.delete(child);
        this.#isEnded = true;
        resolve();
      });
    });
  }

  /** Resolves when it has written `readyText`; throws with its log when it does not. */
  static async start(name: string, words: readonly string[], readyText: string): Promise<RoleProcess> {
    const role = new RoleProcess(name, words);
    try {
      await untilReady(`${name} says ${readyText}`, startMaxMs, () => {
        role.check();
        return role.log.includes(readyText);
      });
      return role;
    } catch (error) {
      await role.stop();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Throws with its log when it ended by itself. */
  check(): void {
    if (this.#isEnded) throw new Error(`${this.name} ended\n${this.log}`);
  }

  /** SIGTERM, SIGKILL when that does not help within 10 s. */
  async stop(): Promise<void> {
    if (this.#isEnded) return;
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), stopMaxMs);
    await this.#ended;
    clearTimeout(timer);
  }
}
