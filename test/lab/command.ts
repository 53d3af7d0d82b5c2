import { spawn } from "node:child_process";

const outputBytesMax = 256 * 1024;

/** How a command is run. */
export interface CommandOptions {
  /** Network namespace; default: this one. */
  readonly namespace?: string;
  /** The command is killed after this; default 30 s. */
  readonly timeoutMs?: number;
  /** Exit codes besides 0 that are no failure. */
  readonly allowedCodes?: readonly number[];
}

/** The command line that runs `words` in a network namespace. */
export function inNamespace(namespace: string | undefined, words: readonly string[]): string[] {
  return namespace === undefined ? [...words] : ["ip", "netns", "exec", namespace, ...words];
}

/** Runs a command to its end and resolves to what it wrote; rejects with its words when it fails. */
export function runCommand(words: readonly string[], options: CommandOptions = {}): Promise<string> {
  const [program, ...rest] = inNamespace(options.namespace, words);
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 30_000);
    child.stdout.on("data", (chunk: Buffer) => (output = (output + chunk.toString()).slice(-outputBytesMax)));
    child.stderr.on("data", (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-outputBytesMax)));
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (code !== null && [0, ...(options.allowedCodes ?? [])].includes(code)) resolve(output);
      else reject(new Error(`${words.join(" ")} ended (${signal ?? code}): ${(errors || output).trim()}`));
    });
  });
}
