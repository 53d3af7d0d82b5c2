import { describe, expect, it } from "vitest";
import { sensorConfigSchema, spoolFolderOf, withName } from "./config.js";

describe("sensor configuration", () => {
  it("needs nothing", () => {
    const config = withName(sensorConfigSchema.parse({}), "lab-3.example.org");
    expect(config.name).toBe("lab-3-example-org");
    expect(config.nats).toEqual(["nats://127.0.0.1:4222"]);
    expect(spoolFolderOf(config)).toMatch(new RegExp(`picket/spool/${config.name}$`));
  });

  it("takes a terabyte of spool", () => {
    expect(sensorConfigSchema.parse({ spoolBytesMax: 1e12 }).spoolBytesMax).toBe(1e12);
  });

  it("refuses unknown keys and what is out of range, by name", () => {
    const wrong: [object, string][] = [
      [{ nam: "x" }, "nam"],
      [{ name: "a.b" }, "name"],
      [{ spoolBytesMax: 1 }, "spoolBytesMax"],
      [{ metricsListen: "nowhere" }, "metricsListen"],
      [{ metricsListen: "127.0.0.1:65536" }, "metricsListen"],
      [{ natsInboxPrefix: "a.>" }, "natsInboxPrefix"],
    ];
    for (const [value, field] of wrong) {
      expect(sensorConfigSchema.safeParse(value).error?.message).toContain(field);
    }
  });
});
