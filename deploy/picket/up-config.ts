import { apiServingSchema } from "@picket/api/config.js";
import { natsUrlPattern, natsUrlRule } from "@picket/proto/nats-url.js";
import { z } from "zod";

/** Settings of `picket up`. */
export const upConfigSchema = z
  .strictObject({
    interface: z
      .string()
      .max(64)
      .default("")
      .describe("Interface to capture on; empty: the one of the default route."),
    name: z
      .string()
      .regex(/^[A-Za-z0-9_-]{0,64}$/, 'must be at most 64 letters, digits, "-" or "_"')
      .default("")
      .describe("Name of this machine's sensor; empty: the host name."),
    listen: apiServingSchema.shape.listen,
    state: z
      .string()
      .default("")
      .describe(
        "Folder for incidents, policy and flows; empty: /var/lib/picket for root, else in the home folder.",
      ),
    demo: z
      .boolean()
      .default(false)
      .describe("Replay a generated attack through eight virtual sensors; needs no privilege."),
    demoSeed: z.number().int().min(1).max(1_000_000).default(1).describe("Seed of the demo's traffic."),
    flowLogMebibytesMax: z
      .number()
      .int()
      .min(64)
      .max(1_048_576)
      .default(1024)
      .describe("Disk space for flow records; the oldest go first."),
    flowLogDaysMax: z.number().int().min(1).max(365).default(7).describe("Days that flow records are kept."),
    nats: z
      .string()
      .refine((urls) => urls === "" || urls.split(",").every((url) => natsUrlPattern.test(url)), natsUrlRule)
      .default("")
      .describe("NATS servers, separated by commas; with --redis everything runs distributed."),
    redis: z
      .string()
      .regex(/^(rediss?:\/\/[^/\s]+.*)?$/, "must be redis://HOST:PORT or rediss://HOST:PORT")
      .default("")
      .describe("Redis server; with --nats everything runs distributed."),
    logLevel: z
      .enum(["debug", "info", "warn", "error", "silent"])
      .default("warn")
      .describe("Least severe log lines that are written to stderr."),
  })
  .refine((config) => config.nats === "" || config.redis !== "", {
    path: ["nats"],
    message: "give both --nats and --redis, or neither to run in one process",
  })
  .refine((config) => config.redis === "" || config.nats !== "", {
    path: ["redis"],
    message: "give both --nats and --redis, or neither to run in one process",
  })
  .refine((config) => !config.demo || config.nats === "", {
    path: ["demo"],
    message: "the demo runs in one process: leave --nats and --redis out",
  });

export type UpConfig = z.infer<typeof upConfigSchema>;
