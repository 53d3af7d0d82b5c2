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
    run: async (config, signal) => {
      const [{ giveUpPrivileges }, { createLog }, { runSensor }] = await Promise.all([
        import("@picket/sensor/privileges.js"),
        import("@picket/sensor/log.js"),
        import("@picket/sensor/main.js"),
      ]);
      const reason = giveUpPrivileges(config);
      if (reason !== undefined) createLog(config.logLevel).warn(`keeping all privileges: ${reason}`);
      return runSensor(config, signal);
    },
  });
}
