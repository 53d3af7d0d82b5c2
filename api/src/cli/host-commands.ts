import { Metadata } from "@grpc/grpc-js";
import type { Command } from "commander";
import { HostProfile } from "@picket/proto/generated/picket/v1/host.js";
import { withApiClient } from "./api-client.js";
import { formatHostProfile } from "./host-text.js";
import { addServerOptions, type ServerOptions } from "./server-options.js";
import type { Terminal } from "./terminal.js";

interface HostOptions extends ServerOptions {
  readonly json?: boolean;
}

/** Adds `hosts show`. */
export function registerHostCommands(program: Command, terminal: Terminal): void {
  const hosts = program.command("hosts").description("what is usual for inside hosts");
  addServerOptions(hosts.command("show"))
    .argument("<address>", "address of an inside host")
    .description("show the services, peers, volume and hours of a host")
    .addHelpText("after", "\nExample:\n  picket hosts show 10.0.0.7\n")
    .action((address: string, options: HostOptions) => showCommand(address, options, terminal));
}

async function showCommand(address: string, options: HostOptions, terminal: Terminal): Promise<void> {
  const profile = await withApiClient(options, (client) =>
    client.call<HostProfile>((done, call) =>
      client.hosts.getHostProfile({ address }, new Metadata(), call, done),
    ),
  );
  terminal.out(
    options.json === true
      ? `${JSON.stringify(HostProfile.toJSON(profile))}\n`
      : formatHostProfile(profile, terminal.hasColours),
  );
}
