import { Command } from "commander";
import { registerClientCommands } from "@picket/api/cli/client-commands.js";

/** A run of `picket` with what it wrote, while it goes on. */
export class ClientRun {
  out = "";
  notes = "";
  readonly end: Promise<unknown>;
  private readonly interruption = new AbortController();

  constructor(args: readonly string[], hasColours = false) {
    const program = new Command("picket").exitOverride().configureOutput({
      writeOut: (text) => (this.out += text),
      writeErr: (text) => (this.notes += text),
    });
    registerClientCommands(program, {
      out: (text) => (this.out += text),
      note: (text) => (this.notes += text),
      hasColours,
      onInterrupt: () => ({ signal: this.interruption.signal, release: () => undefined }),
    });
    this.end = program.parseAsync(args, { from: "user" });
    this.end.catch(() => undefined);
  }

  interrupt(): void {
    this.interruption.abort();
  }
}

/** What a run that ended well wrote to stdout. */
export async function picket(...args: string[]): Promise<string> {
  const run = new ClientRun(args);
  await run.end;
  return run.out;
}
