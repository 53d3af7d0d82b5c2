import type { Command } from "commander";
import { stringify } from "yaml";
import type { z } from "zod";

import { exitCodes } from "./exit-codes.js";
import { addConfigOptions, printable, readConfig } from "./options-from-schema.js";
import { stopSignal } from "./stop-signal.js";

/** How long a process may take to end by itself after its role has. */
const lingerMs = 1000;

/** A daemon: its settings, and how it runs until the signal aborts. */
export interface RoleCommand<Schema extends z.ZodType> {
  readonly name: string;
  readonly about: string;
  readonly example: string;
  readonly schema: Schema;
  /** Resolves to the exit code. */
  readonly run: (config: z.infer<Schema>, signal: AbortSignal) => Promise<number>;
}

/** Adds a daemon's command: flags from its schema, `--print-config`, `--check`, an orderly stop. */
export function addRoleCommand<Schema extends z.ZodType>(program: Command, role: RoleCommand<Schema>): void {
  const command = program.command(role.name).description(role.about);
  addConfigOptions(command, role.schema)
    .addHelpText("after", `\nExample:\n  ${role.example}\n`)
    .allowExcessArguments(false)
    .action(async (flags: Record<string, unknown>) => {
      process.exitCode = await runRole(role, flags);
    });
}

async function runRole<Schema extends z.ZodType>(
  role: RoleCommand<Schema>,
  flags: Readonly<Record<string, unknown>>,
): Promise<number> {
  const config = await readConfig(role.schema, flags, process.env);
  if (flags["printConfig"] === true) {
    process.stdout.write(stringify(printable(config)));
    return exitCodes.done;
  }
  if (flags["check"] === true) {
    process.stdout.write(`the settings of picket ${role.name} are valid\n`);
    return exitCodes.done;
  }
  const stop = stopSignal();
  try {
    return await role.run(config, stop.signal);
  } finally {
    stop.release();
    // Everything was stopped; a connection that was being made meanwhile must not hold the process.
    setTimeout(() => process.exit(), lingerMs).unref();
  }
}
