import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const launcher = fileURLToPath(new URL("../../deploy/picket/bin.mjs", import.meta.url));
const built = fileURLToPath(new URL("../../deploy/dist/picket/main.js", import.meta.url));

/** The command is tested as built; `npm test` builds first. */
export const isBuilt = existsSync(built);

/** How a command line ended. */
export interface PicketResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running `picket`. */
export class PicketProcess {
  stdout = "";
  stderr = "";
  private readonly child;
  /** Resolves when it has ended and its output is complete. */
  readonly ended: Promise<PicketResult>;

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [launcher, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", ...environment },
    });
    this.child.stdout.on("data", (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
    const killer = (): void => void this.child.kill("SIGKILL");
    process.once("exit", killer);
    this.ended = new Promise((resolve) => {
      this.child.on("close", (code) => {
        process.off("exit", killer);
        resolve({ code, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Reads no more of the standard output, as `head` does when it has enough. */
  closeOutput(): void {
    this.child.stdout.destroy();
  }

  /** What the pattern's group matched on the standard output, waiting for it. */
  async match(pattern: RegExp, deadlineMs = 30_000): Promise<string> {
    const untilMs = performance.now() + deadlineMs;
    for (;;) {
      const found = pattern.exec(this.stdout)?.[1];
      if (found !== undefined) return found;
      if (performance.now() > untilMs || this.child.exitCode !== null) {
        throw new Error(`no ${String(pattern)} in: ${this.stdout}${this.stderr}`);
      }
      await wait(20);
    }
  }
}

/** Runs a command line to its end. */
export function runPicket(
  args: readonly string[],
  environment?: Readonly<Record<string, string>>,
): Promise<PicketResult> {
  return new PicketProcess(args, environment).ended;
}
