import { describe, expect, it } from "vitest";
import { correlatorConfigSchema } from "./config.js";

describe("the correlator's configuration", () => {
  it("has a default for every field", () => {
    const config = correlatorConfigSchema.parse({});
    expect(config).toMatchObject({
      nats: ["nats://127.0.0.1:4222"],
      redis: "redis://127.0.0.1:6379",
      flowsBytesMax: 2 * 1024 ** 3,
      metricsListen: "",
    });
    expect(correlatorConfigSchema.parse(config)).toEqual(config);
  });

  const refused: [string, Record<string, unknown>][] = [
    ["an unknown key", { natsServers: [] }],
    ["no server", { nats: [] }],
    ["a redis of another scheme", { redis: "http://127.0.0.1" }],
    ["a port beyond 65535", { metricsListen: "127.0.0.1:99999" }],
    ["an address without a port", { metricsListen: "127.0.0.1" }],
    ["a stream without a limit", { flowsBytesMax: 0 }],
    ["more replicas than NATS has", { streamReplicas: 6 }],
    ["a tick of no time", { tickIntervalMs: 0 }],
  ];
  it.each(refused)("refuses %s", (_name, fields) => {
    expect(correlatorConfigSchema.safeParse(fields).success).toBe(false);
  });
});
