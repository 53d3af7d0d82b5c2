import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { isBuilt, PicketProcess, runPicket } from "./picket-process.js";

describe.runIf(isBuilt)("bad input gives one line and exit code 2", () => {
  const folder = mkdtempSync(join(tmpdir(), "picket-bad-"));
  const file = (name: string): string => join(folder, name);

  beforeAll(() => {
    const header = Buffer.alloc(24);
    header.writeUInt32LE(0xa1b2c3d4, 0);
    header.writeUInt16LE(2, 4);
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(65_535, 16);
    header.writeUInt32LE(1, 20);
    writeFileSync(file("fine.pcap"), header);
    writeFileSync(file("cut.pcap"), Buffer.concat([header, Buffer.alloc(9)]));
    writeFileSync(file("empty.pcap"), "");
    writeFileSync(file("text.pcap"), "this is a shopping list\n".repeat(9));
    writeFileSync(file("range.yaml"), "scan: { crowdSourcesMin: 1 }\n");
    writeFileSync(file("key.yaml"), "scan: { crowdMin: 5 }\n");
    writeFileSync(file("broken.yaml"), "scan: [1\n");
    mkdirSync(file("folder"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const cases: readonly (readonly [string, readonly string[], string])[] = [
    ["no file", ["analyze"], "give at least one capture file"],
    ["a missing file", ["analyze", "none.pcap"], "none.pcap does not exist"],
    ["an empty file", ["analyze", "empty.pcap"], "empty.pcap is empty"],
    ["a truncated file", ["analyze", "cut.pcap"], "cut.pcap: the last record is cut off"],
    [
      "a truncated file, metered",
      ["analyze", "--meter-only", "cut.pcap"],
      "cut.pcap: the last record is cut off",
    ],
    ["a foreign file", ["analyze", "text.pcap"], "text.pcap is no pcap or pcapng file"],
    ["a folder", ["analyze", "folder"], "folder is a directory"],
    ["a bad second file", ["analyze", "fine.pcap", "none.pcap"], "none.pcap does not exist"],
    ["a bad network", ["analyze", "--home", "10.0.0.0/33", "fine.pcap"], '--home: "10.0.0.0/33"'],
    [
      "a policy out of range",
      ["analyze", "--policy", "range.yaml", "fine.pcap"],
      "crowdSourcesMin must be at least 2",
    ],
    [
      "an unknown policy key",
      ["analyze", "--policy", "key.yaml", "fine.pcap"],
      "scan.crowdMin is not a setting",
    ],
    [
      "a policy that is no YAML",
      ["analyze", "--policy", "broken.yaml", "fine.pcap"],
      "broken.yaml: is not valid YAML",
    ],
    ["a bad severity", ["analyze", "--fail-on", "huge", "fine.pcap"], "--fail-on"],
    [
      "an unknown flag",
      ["analyze", "--fast", "fine.pcap"],
      "unknown option '--fast'; see picket analyze --help",
    ],
    ["an unknown command", ["anlyze"], "unknown command 'anlyze'; see picket --help"],
    [
      "a severity to fail on where no incidents are made",
      ["analyze", "--flows", "--fail-on", "low", "fine.pcap"],
      "option '--flows' cannot be used with option '--fail-on <severity>'",
    ],
    [
      "an unknown interface",
      ["up", "--interface", "none0", "--state", "state", "--listen", "127.0.0.1:0"],
      "interface none0 does not exist",
    ],
    ["half of the servers", ["up", "--nats", "nats://127.0.0.1:4"], "--nats: give both --nats and --redis"],
    [
      "a password in a NATS URL",
      ["correlator", "--nats", "nats://user:secret@127.0.0.1:4"],
      "--nats: must be nats://HOST:PORT; user and password are settings of their own",
    ],
    ["the other half", ["up", "--redis", "redis://127.0.0.1:6"], "--redis: give both --nats and --redis"],
    [
      "a metrics port that is none",
      ["sensor", "--metrics-listen", "127.0.0.1:65536"],
      "--metrics-listen: the port must be 0 to 65535",
    ],
    [
      "a number out of range",
      ["sensor", "--status-interval-ms", "1"],
      "--status-interval-ms: must be at least 100",
    ],
    ["a listen address that is none", ["up", "--demo", "--listen", "nowhere"], "listen"],
  ];

  it.each(cases)("%s", async (_, args, message) => {
    const names = args.map((arg) => (/\.(pcap|yaml)$|^(folder|state)$/.test(arg) ? file(arg) : arg));
    const { code, stderr } = await runPicket(names);
    const lines = stderr.split("\n").filter((line) => line.startsWith("picket: "));
    expect(stderr).toContain(message);
    expect(lines).toHaveLength(1);
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect(code).toBe(2);
  });

  it("a port in use", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const listen = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { code, stderr } = await runPicket(["up", "--demo", "--listen", listen]);
    server.close();
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toContain(listen);
    expect(code).toBe(2);
  });

  it("a state folder that another picket uses, and leaves it alone", async () => {
    const up = ["up", "--demo", "--listen", "127.0.0.1:0", "--state", file("used")];
    const first = new PicketProcess(up);
    await first.match(/(serves gRPC)/);
    const { code, stdout, stderr } = await runPicket(up);
    const lock = readFileSync(join(file("used"), "lock"), "utf8");
    first.signal("SIGINT");
    await first.ended;
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(/used is used by process \d+: stop it or use another folder/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(lock).toMatch(/^\d+ /);
    expect(existsSync(join(file("used"), "lock"))).toBe(false);
  });

  it("an api that is not there", async () => {
    const { code, stderr } = await runPicket(["incidents", "list", "--server", "127.0.0.1:1"]);
    expect(stderr).toContain("cannot reach the api at 127.0.0.1:1");
    expect(code).toBe(2);
  });
});
