import { apiConfigSchema } from "@picket/api/config.js";
import type { Command } from "commander";

import { addRoleCommand } from "./role-command.js";

/** `picket api` */
export function registerApi(program: Command): void {
  addRoleCommand(program, {
    name: "api",
    about: "Serves incidents, sensors and the policy through gRPC.",
    example: "picket api --listen 127.0.0.1:50061 --nats nats://10.0.0.5:4222 --redis redis://10.0.0.5:6379",
    schema: apiConfigSchema,
    run: async (config, signal) => (await import("@picket/api/main.js")).runApiDaemon(config, signal),
  });
}
