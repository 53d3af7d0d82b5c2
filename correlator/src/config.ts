import { natsUrlPattern, natsUrlRule } from "@picket/proto/nats-url.js";
import { z } from "zod";

const mebibyte = 2 ** 20;
const gibibyte = 2 ** 30;

/** Where the servers of the distributed mode are; shared by every role that talks to them. */
export const serversConfigShape = {
  nats: z
    .array(z.string().regex(natsUrlPattern, natsUrlRule).max(1024))
    .min(1)
    .max(16)
    .default(["nats://127.0.0.1:4222"])
    .describe("URLs of the NATS servers."),
  natsUser: text(256, "User name at NATS."),
  natsPassword: text(256, "Password at NATS; better given by the environment than by a flag."),
  natsToken: text(1024, "Token at NATS, instead of a user."),
  natsCredentialsFile: text(4096, "Credentials file (.creds) at NATS."),
  natsNkeyFile: text(4096, "File with the nkey seed at NATS."),
  natsTlsCaFile: text(
    4096,
    "PEM file of the authority that signed the NATS server's certificate; turns TLS on.",
  ),
  natsTlsCertificateFile: text(4096, "PEM file of this process's certificate."),
  natsTlsKeyFile: text(4096, "PEM file of this process's private key."),
  redis: z
    .string()
    .regex(/^rediss?:\/\/[^/\s]+/, "must be redis://HOST:PORT or rediss://HOST:PORT")
    .max(1024)
    .default("redis://127.0.0.1:6379")
    .describe("URL of the Redis server, with user, password and database if needed."),
};

/** Configuration of one correlator process. Thresholds are central policy and not here. */
export const correlatorConfigSchema = z.strictObject({
  ...serversConfigShape,
  streamReplicas: integer(1, 1, 5, "Copies of every stored message; 3 on a NATS cluster of three or more."),
  flowsBytesMax: integer(
    2 * gibibyte,
    mebibyte,
    1024 * 1024 * gibibyte,
    "Bytes of flows that NATS keeps; the oldest go first.",
  ),
  incidentsBytesMax: integer(
    gibibyte,
    mebibyte,
    1024 * 1024 * gibibyte,
    "Bytes of incident events that NATS keeps; the oldest go first.",
  ),
  checkpointsBytesMax: integer(
    256 * mebibyte,
    mebibyte,
    1024 * 1024 * gibibyte,
    "Bytes of checkpoints of the windows that NATS keeps; the oldest go first.",
  ),
  checkpointEveryMinutes: integer(
    60,
    1,
    1440,
    "How often a checkpoint of the slow windows is taken, from which they are rebuilt when Redis loses them.",
  ),
  tickIntervalMs: integer(100, 10, 5000, "How often slices are closed and findings grouped."),
  stopDeadlineMs: integer(5000, 0, 60_000, "How long a stop waits for work in hand; NATS delivers it again."),
  metricsListen: z
    .string()
    .regex(/^(.+:\d{1,5})?$/, "must be host:port")
    .refine(
      (address) => Number(address.slice(address.lastIndexOf(":") + 1)) <= 65_535,
      "the port must be 0 to 65535",
    )
    .default("")
    .describe("host:port of the Prometheus metrics; empty: none."),
  logLevel: z
    .enum(["debug", "info", "warn", "error"])
    .default("info")
    .describe("Least level that is logged."),
});

export type CorrelatorConfig = z.infer<typeof correlatorConfigSchema>;

/** The fields of `serversConfigShape` that say where NATS is. */
export type NatsConfig = Omit<CorrelatorConfig, Exclude<keyof CorrelatorConfig, `nats${string}`>>;

function text(lengthMax: number, about: string) {
  return z.string().max(lengthMax).default("").describe(about);
}

function integer(fallback: number, min: number, max: number, about: string) {
  return z.number().int().min(min).max(max).default(fallback).describe(about);
}
