import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { natsUrlPattern, natsUrlRule } from "@picket/proto/nats-url.js";
import { z } from "zod";

/**
 * Configuration of one sensor process. What all sensors share (timeouts, filter,
 * snap length) is central policy and not here.
 */
export const sensorConfigSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{0,64}$/, "must be at most 64 letters, digits, - or _")
    .default("")
    .describe("Name of this sensor in the fleet: letters, digits, - or _; empty: the host's name."),
  interface: text(64, "Interface to capture on, or any; empty: the one of the default route."),
  capture: z
    .enum(["auto", "ring", "cap"])
    .default("auto")
    .describe("Capture backend: the kernel's ring (Linux) or npm cap; auto takes the best one there is."),
  ringBytes: integer(20 << 20, 1 << 20, 2 ** 30, "Memory of the ring, in blocks of up to 1 MiB."),
  promiscuous: z
    .boolean()
    .default(true)
    .describe("Capture packets for other hosts too; npm cap always does."),
  runAs: text(
    64,
    "User to go on as when started by root; empty: stay root, like any other user with CAP_NET_RAW alone.",
  ),
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
  natsTlsCertificateFile: text(4096, "PEM file of this sensor's certificate."),
  natsTlsKeyFile: text(4096, "PEM file of this sensor's private key."),
  natsInboxPrefix: z
    .string()
    .regex(/^([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)?$/, "must be subject tokens without wildcards")
    .max(128)
    .default("")
    .describe("Subject under which answers arrive; empty: _INBOX_ and the sensor's name."),
  spool: z.enum(["disk", "memory"]).default("disk").describe("Where undelivered batches wait."),
  spoolFolder: text(4096, "Folder of the spool; empty: picket/spool under the state folder."),
  spoolBytesMax: integer(
    256 << 20,
    1 << 20,
    2 ** 40,
    "Bytes of batches on disk that no correlator applied yet; delivered ones go first, then the oldest.",
  ),
  spoolMemoryBytesMax: integer(
    16 << 20,
    1 << 20,
    2 ** 30,
    "The same in memory, while the disk takes nothing.",
  ),
  spoolRetainMs: integer(
    240_000,
    1000,
    86_400_000,
    "How long an acknowledged batch is kept when no correlator says it is applied; twice NATS' sync_interval.",
  ),
  publishInFlightMax: integer(128, 1, 256, "Batches published and not yet acknowledged."),
  publishInFlightBytesMax: integer(8 << 20, 1 << 17, 8 << 20, "Bytes published and not yet acknowledged."),
  publishTimeoutMs: integer(
    5000,
    100,
    60_000,
    "How long an acknowledgement may take before the batch is sent again.",
  ),
  tableFlowsMax: integer(65_536, 1024, 1 << 20, "Flows that are live at once."),
  statusIntervalMs: integer(2000, 100, 60_000, "How often the sensor says how it does."),
  stopDeadlineMs: integer(
    5000,
    0,
    60_000,
    "How long a stop waits for acknowledgements; the rest stays in the spool.",
  ),
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

export type SensorConfig = z.infer<typeof sensorConfigSchema>;

/** The folder of the spool: one of its own for each sensor name. */
export function spoolFolderOf(config: SensorConfig): string {
  const folder = config.spoolFolder === "" ? join(stateFolder(), "spool") : config.spoolFolder;
  return join(folder, config.name);
}

function stateFolder(): string {
  if (process.getuid?.() === 0) return "/var/lib/picket";
  const state = process.env["XDG_STATE_HOME"];
  return join(state === undefined || state === "" ? join(homedir(), ".local", "state") : state, "picket");
}

/** The same with the host's name where none was given. */
export function withName(config: SensorConfig, host: string = hostname()): SensorConfig {
  if (config.name !== "") return config;
  const name = host.replace(/[^A-Za-z0-9_-]/g, "-").slice(0, 64);
  return { ...config, name: name === "" ? "sensor" : name };
}

function text(lengthMax: number, about: string) {
  return z.string().max(lengthMax).default("").describe(about);
}

function integer(fallback: number, min: number, max: number, about: string) {
  return z.number().int().min(min).max(max).default(fallback).describe(about);
}
