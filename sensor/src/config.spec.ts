import { describe, expect, it } from "vitest";
import { sensorConfigSchema, spoolFolderOf } from "./config.js";

describe("sensor configuration", () => {
  it("needs nothing", () => {
    const config = sensorConfigSchema.parse({});
    expect(config.name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(config.nats).toEqual(["nats://127.0.0.1:4222"]);
    expect(spoolFolderOf(config)).toMatch(new RegExp(`picket/spool/${config.name}$`));
  });

  it("refuses unknown keys and what is out of range, by name", () => {
    const wrong: [object, string][] = [
      [{ nam: "x" }, "nam"],
      [{ name: "a.b" }, "name"],
      [{ spoolBytesMax: 1 }, "spoolBytesMax"],
      [{ metricsListen: "nowhere" }, "metricsListen"],
      [{ natsInboxPrefix: "a.>" }, "natsInboxPrefix"],
    ];
    for (const [value, field] of wrong) {
      expect(sensorConfigSchema.safeParse(value).error?.message).toContain(field);
    }
  });
});
