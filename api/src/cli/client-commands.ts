import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import type { Command } from "commander";
import { registerHostCommands } from "./host-commands.js";
import { registerIncidentCommands } from "./incident-commands.js";
import { registerPolicyCommands } from "./policy-commands.js";
import { registerSensorCommands } from "./sensor-commands.js";
import { processTerminal, type Terminal } from "./terminal.js";

/**
 * Adds the commands that are clients of the api: `incidents list|show|watch`,
 * `sensors`, `policy show|set` and `hosts show`. Their actions throw PicketError with one
 * line that says what is wrong.
 */
export function registerClientCommands(program: Command, terminal: Terminal = processTerminal): void {
  setLogVerbosity(logVerbosity.NONE);
  registerIncidentCommands(program, terminal);
  registerSensorCommands(program, terminal);
  registerPolicyCommands(program, terminal);
  registerHostCommands(program, terminal);
}
