import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Command } from "commander";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";

import { addConfigOptions, boundsText, configFields, printable, readConfig } from "./options-from-schema.js";

const schema = z.strictObject({
  interface: z.string().default("").describe("Interface."),
  statusIntervalMs: z.number().int().min(100).max(60_000).default(2000).describe("Interval."),
  isLoud: z.boolean().default(false).describe("Loud."),
  nats: z.strictObject({ servers: z.array(z.string()).default(["a"]).describe("Servers.") }).prefault({}),
  level: z.enum(["info", "warn"]).default("info").describe("Level."),
});

describe("options from a schema", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "picket-options-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const yaml = async (text: string): Promise<string> => {
    const file = join(folder, "picket.yaml");
    await writeFile(file, text);
    return file;
  };
  const refusal = (
    flags: Record<string, unknown>,
    environment: Record<string, string> = {},
  ): Promise<unknown> =>
    readConfig(schema, flags, environment).then(
      () => "accepted",
      (error: Error) => error.message,
    );

  it("gives every field a flag, a variable and its bounds", () => {
    const fields = configFields(schema);
    expect(fields.map((field) => field.flag)).toEqual([
      "--interface",
      "--status-interval-ms",
      "--is-loud",
      "--nats-servers",
      "--level",
    ]);
    expect(boundsText(fields[1])).toBe("default 2000, 100 to 60000, env PICKET_STATUS_INTERVAL_MS");
    expect(boundsText(fields[4])).toBe("default info, one of info, warn, env PICKET_LEVEL");
  });

  it("lets flags win over the environment and the environment over the file", async () => {
    const config = await yaml("interface: file0\nstatusIntervalMs: 500\nnats: { servers: [file] }\n");
    const environment = { PICKET_STATUS_INTERVAL_MS: "600", PICKET_NATS_SERVERS: "b,c" };
    const result = await readConfig(schema, { config, statusIntervalMs: "700", isLoud: true }, environment);
    expect(result).toEqual({
      interface: "file0",
      statusIntervalMs: 700,
      isLoud: true,
      nats: { servers: ["b", "c"] },
      level: "info",
    });
  });

  it("parses the flags it added", async () => {
    const command = addConfigOptions(new Command("x"), schema);
    command.parse(["--status-interval-ms", "300", "--is-loud", "--nats-servers", "n1", "n2"], {
      from: "user",
    });
    const result = await readConfig(schema, command.opts(), {});
    expect(result).toMatchObject({ statusIntervalMs: 300, isLoud: true, nats: { servers: ["n1", "n2"] } });
  });

  it.each([
    [{ statusIntervalMs: "99" }, {}, "--status-interval-ms: must be at least 100"],
    [{ statusIntervalMs: "many" }, {}, "--status-interval-ms: must be a number"],
    [{ statusIntervalMs: "1.5" }, {}, "--status-interval-ms: must be a whole number"],
    [{ isLoud: "maybe" }, {}, "--is-loud: must be a boolean"],
    [{}, { PICKET_LEVEL: "loud" }, "PICKET_LEVEL: must be one of info, warn"],
  ])("refuses %j %j and names it", async (flags, environment, message) => {
    expect(await refusal(flags, environment)).toBe(message);
  });

  it("refuses unknown keys of the file, nested ones too, and names them", async () => {
    const config = await yaml("interfaces: eth0\n");
    expect(await refusal({ config })).toBe(`${config}: unknown key interfaces`);
    await yaml("nats: { server: x }\n");
    expect(await refusal({ config })).toBe(`${config}: unknown key nats.server`);
  });

  it("names the file's field that is out of range", async () => {
    const config = await yaml("statusIntervalMs: 1\n");
    expect(await refusal({ config })).toBe(`${config}: statusIntervalMs: must be at least 100`);
  });

  it.each([
    ["- a list\n", "must be a map of settings"],
    ["a: [1\n", "is not valid YAML"],
  ])("refuses a file that is %j", async (text, message) => {
    expect(await refusal({ config: await yaml(text) })).toContain(message);
  });

  it("says that a missing file cannot be read", async () => {
    expect(await refusal({ config: join(folder, "none.yaml") })).toContain(
      "none.yaml: cannot be read: no such file",
    );
  });

  it("prints no secret", () => {
    const shown = printable({ nats: { password: "p", servers: ["nats://u:p@host"] }, name: "x" });
    expect(shown).toEqual({
      nats: { password: "(not shown)", servers: ["nats://(not shown)@host"] },
      name: "x",
    });
  });
});
