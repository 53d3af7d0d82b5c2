import type { Command } from "commander";
import { stringify } from "yaml";

import { doctorConfigSchema } from "./doctor/doctor-config.js";
import { exitCodes } from "./exit-codes.js";
import { addConfigOptions, printable, readConfig } from "./options-from-schema.js";

const example =
  "picket doctor --nats nats://10.0.0.5:4222 --redis redis://10.0.0.5:6379 --api 10.0.0.5:50061";

/** `picket doctor` */
export function registerDoctor(program: Command): void {
  const command = program
    .command("doctor")
    .description(
      "Checks servers, streams, sensors and clocks, then sends a synthetic scan through all of it.",
    )
    .option("--json", "print one JSON object a check");
  addConfigOptions(command, doctorConfigSchema)
    .addHelpText("after", `\nExits 0 when nothing failed, else 1.\n\nExample:\n  ${example}\n`)
    .allowExcessArguments(false)
    .action(async (flags: Record<string, unknown>) => {
      process.exitCode = await doctor(flags);
    });
}

async function doctor(flags: Readonly<Record<string, unknown>>): Promise<number> {
  const config = await readConfig(doctorConfigSchema, flags, process.env);
  if (flags["printConfig"] === true) process.stdout.write(stringify(printable(config)));
  else if (flags["check"] === true) process.stdout.write("the settings of picket doctor are valid\n");
  if (flags["printConfig"] === true || flags["check"] === true) return exitCodes.done;
  const [{ runDoctor }, { formatCheck, formatCheckJson }] = await Promise.all([
    import("./doctor/run-doctor.js"),
    import("./doctor/doctor-output.js"),
  ]);
  const hasColours = process.stdout.isTTY === true && !process.env["NO_COLOR"];
  const isHealthy = await runDoctor(config, (check) => {
    process.stdout.write(flags["json"] === true ? formatCheckJson(check) : formatCheck(check, hasColours));
  });
  return isHealthy ? exitCodes.done : exitCodes.unhealthy;
}
