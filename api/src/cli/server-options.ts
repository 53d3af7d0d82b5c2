import { Option, type Command } from "commander";

/** How to reach the api. */
export interface ServerOptions {
  readonly server: string;
  readonly tlsCa?: string;
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
}

/** Adds the options that say how to reach the api, and `--json`. */
export function addServerOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--server <host:port>", "address of the api")
        .env("PICKET_SERVER")
        .default("127.0.0.1:50061"),
    )
    .addOption(new Option("--tls-ca <file>", "use TLS and trust this authority (PEM)").env("PICKET_TLS_CA"))
    .addOption(
      new Option("--tls-certificate <file>", "certificate to show to the api (PEM)").env(
        "PICKET_TLS_CERTIFICATE",
      ),
    )
    .addOption(new Option("--tls-key <file>", "private key of the certificate (PEM)").env("PICKET_TLS_KEY"))
    .option("--json", "print proto3 JSON, one object a line");
}
