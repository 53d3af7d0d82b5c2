import { serversConfigShape } from "@picket/correlator/config.js";
import { z } from "zod";

/** Settings of serving gRPC; the same in the embedded and the distributed mode. */
export const apiServingSchema = z.strictObject({
  listen: z
    .string()
    .regex(/^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+):\d{1,5}$/, "must be HOST:PORT, for example 127.0.0.1:50061")
    .refine(
      (listen) => Number(listen.slice(listen.lastIndexOf(":") + 1)) <= 65_535,
      "the port must be 0 to 65535",
    )
    .default("127.0.0.1:50061")
    .describe("Address and port to serve gRPC on; port 0 takes a free one."),
  tlsCertificateFile: file(
    "PEM file of the certificate chain to serve with; with it and the key, TLS is required.",
  ),
  tlsKeyFile: file("PEM file of the certificate's private key."),
  tlsClientCaFile: file("PEM file of an authority; clients must show a certificate that it signed."),
  heartbeatIntervalMs: z
    .number()
    .int()
    .min(50)
    .max(60_000)
    .default(5000)
    .describe("A watch without an event for this long gets a heartbeat."),
  watchersMax: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(1000)
    .describe("Watches at the same time; more are refused with RESOURCE_EXHAUSTED."),
  connectionAgeMaxSeconds: z
    .number()
    .int()
    .min(10)
    .max(604_800)
    .default(3600)
    .describe("A connection older than this is asked to reconnect; watches resume by cursor."),
  logLevel: z
    .enum(["debug", "info", "warn", "error", "silent"])
    .default("info")
    .describe("Least severe log lines that are written to stderr."),
});

export type ApiConfig = z.infer<typeof apiServingSchema>;

/** Configuration of `picket api`: how to serve, and where the servers are. */
export const apiConfigSchema = z.strictObject({ ...apiServingSchema.shape, ...serversConfigShape });

export type ApiDaemonConfig = z.infer<typeof apiConfigSchema>;

function file(about: string) {
  return z.string().max(4096).default("").describe(about);
}
