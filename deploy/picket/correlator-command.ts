import { correlatorConfigSchema } from "@picket/correlator/config.js";
import type { Command } from "commander";

import { addRoleCommand } from "./role-command.js";

/** `picket correlator` */
export function registerCorrelator(program: Command): void {
  addRoleCommand(program, {
    name: "correlator",
    about: "Merges the flows of all sensors in Redis and groups what it finds into incidents.",
    example: "picket correlator --nats nats://10.0.0.5:4222 --redis redis://10.0.0.5:6379",
    schema: correlatorConfigSchema,
    run: async (config, signal) => (await import("@picket/correlator/main.js")).runCorrelator(config, signal),
  });
}
