import type { Command } from "commander";

import { addRoleCommand } from "./role-command.js";
import { upConfigSchema } from "./up-config.js";

/** `picket up`: everything of one machine in one command, embedded or distributed. */
export function registerUp(program: Command): void {
  addRoleCommand(program, {
    name: "up",
    about:
      "Runs a sensor, the correlator and the api on this machine: in one process and without any server, " +
      "or over NATS and Redis with --nats and --redis.",
    example: "sudo picket up --interface eth0",
    schema: upConfigSchema,
    run: async (config, signal) => {
      if (config.nats !== "") return (await import("./up-distributed.js")).upDistributed(config, signal);
      return (await import("./up-embedded.js")).upEmbedded(config, signal);
    },
  });
}
