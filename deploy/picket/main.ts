import { Command, CommanderError } from "commander";

import { exitCodes } from "./exit-codes.js";
import { roles } from "./roles.js";

/**
 * Runs one `picket` command line and resolves to its exit code. Only the role
 * that is asked for is loaded: a host that runs `picket sensor` loads no NestJS.
 * @param args the command line after `picket`
 */
export async function main(args: readonly string[]): Promise<number> {
  process.stdout.on("error", onOutputError);
  try {
    const program = rootCommand(args);
    await addCommands(program, args);
    await program.parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? exitCodes.done);
  } catch (error) {
    return explain(error);
  }
}

/** A reader that closes the pipe early, as `head` does, ends the command without a complaint. */
function onOutputError(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(exitCodes.done);
  throw error;
}

/** The command without its roles: help, version, and errors in one line. */
function rootCommand(args: readonly string[]): Command {
  return new Command("picket")
    .description("Light sensors on every host, one correlator, one incident.")
    .version("picket 0.1.0", "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand(false)
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureOutput({
      writeErr: (text) => process.stderr.write(text),
      outputError: (text, write) => write(`picket: ${oneLine(text)}${hintFor(text, args)}\n`),
    })
    .addHelpText("after", "\nExample:\n  picket up --demo        see a distributed scan being found\n");
}

/** The wanted role with all its options; the others by name and summary. */
async function addCommands(program: Command, args: readonly string[]): Promise<void> {
  const wanted = args.find((arg) => !arg.startsWith("-"));
  const load = roles.find((role) => role.name === wanted)?.load;
  for (const role of roles) {
    if (program.commands.some((command) => command.name() === role.name)) continue;
    if (role.load === load) (await load())(program);
    else program.command(role.name).description(role.summary);
  }
  program.action(() => {
    if (args.length === 0) program.outputHelp();
    else program.error(`unknown command '${wanted ?? args[0]}'`);
  });
  program.allowExcessArguments();
}

/** One line and the exit code for whatever ended the command. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.badInput;
  if (error instanceof Error && error.name === "PicketError") {
    process.stderr.write(`picket: ${oneLine(error.message)}\n`);
    return exitCodes.badInput;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`picket: unexpected failure, please report it: ${text}\n`);
  return exitCodes.bug;
}

/** What to do about a command line that is not understood: the help of the role that was named. */
function hintFor(text: string, args: readonly string[]): string {
  if (!/^error: (unknown|too many|missing)|^unknown/.test(text)) return "";
  const role = roles.find(({ name }) => name === args.find((arg) => !arg.startsWith("-")));
  return `; see picket ${role === undefined ? "" : `${role.name} `}--help`;
}

function oneLine(text: string): string {
  return text
    .replace(/^error: /, "")
    .trim()
    .replace(/\s*\n\s*/g, " ");
}
