import { sensorConfigSchema } from "@picket/sensor/config.js";
import type { Command } from "commander";

import { addRoleCommand } from "./role-command.js";

/** `picket sensor`; loads nothing of the correlator or the api. */
export function registerSensor(program: Command): void {
  addRoleCommand(program, {
    name: "sensor",
    about: "Captures packets on this host, meters them and publishes flow records to NATS.",
    example: "sudo picket sensor --interface eth0 --nats nats://10.0.0.5:4222",
    schema: sensorConfigSchema,
    run: async (config, signal) => (await import("@picket/sensor/main.js")).runSensor(config, signal),
  });
}
