import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { missingRing } from "./ring-available.js";
import { temporaryFolder, waitUntil } from "./sensor-harness.js";

const launcher = fileURLToPath(new URL("../../deploy/picket/bin.mjs", import.meta.url));
const built = fileURLToPath(new URL("../../deploy/dist/picket/main.js", import.meta.url));
const addon = fileURLToPath(new URL("../../sensor/native/build/Release/ring.node", import.meta.url));
const onlyNetRaw = "0000000000002000";

const canRun = missingRing === undefined && existsSync(built) && existsSync("/usr/bin/setpriv");
if (!canRun)
  process.stderr.write(
    `sensor-privileges: skipped, needs root, the ring, setpriv and a build (${missingRing})\n`,
  );

describe.skipIf(!canRun)("privileges of a sensor", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let sensor: ChildProcess | undefined;
  let log = "";
  let prefix: readonly string[] = [];

  beforeEach(() => {
    prefix = [];
    folder = temporaryFolder();
    log = "";
  });

  afterEach(async () => {
    const ended = new Promise((resolve) => sensor?.once("close", resolve));
    if (sensor !== undefined && sensor.kill("SIGKILL")) await ended;
    sensor = undefined;
    folder.remove();
  });

  async function start(...words: readonly string[]): Promise<void> {
    const args = [
      "sensor",
      "--interface",
      "lo",
      "--nats",
      "nats://127.0.0.1:1",
      "--spool-folder",
      folder.path,
    ];
    const command = [...prefix, process.execPath, launcher, ...args, ...words];
    const child = spawn(command[0], command.slice(1), { stdio: ["ignore", "ignore", "pipe"] });
    sensor = child;
    child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
    await waitUntil("capturing", () => log.includes("capturing on"));
  }

  it("keeps CAP_NET_RAW alone when started by root, and its next meter has it too", async () => {
    await start();
    const pid = sensor?.pid ?? 0;
    expect(statusOf(pid)).toMatchObject({ CapEff: onlyNetRaw, CapPrm: onlyNetRaw, NoNewPrivs: "1" });
    for (let life = 0; life < 2; life++) {
      await waitUntil("a confined meter", () => statusOf(childOf(pid))["Seccomp"] === "2");
      const meter = childOf(pid);
      expect(statusOf(meter)).toMatchObject({ CapEff: onlyNetRaw, CapPrm: onlyNetRaw, CapBnd: onlyNetRaw });
      process.kill(meter, "SIGKILL");
      await waitUntil("another meter", () => ![0, meter].includes(childOf(pid)));
    }
  });

  it("goes on as the user of runAs, who owns the spool", async () => {
    const spool = join(folder.path, "spool");
    execFileSync("chmod", ["755", folder.path]);
    await start("--run-as", "nobody", "--spool-folder", spool);
    const nobody = Number(execFileSync("id", ["-u", "nobody"], { encoding: "utf8" }));
    const pid = sensor?.pid ?? 0;
    // Where nobody may not read the program, it says so and stays what it was.
    if (log.includes("keeping all privileges")) return expect(log).toContain("permission denied");
    expect(statusOf(pid)["Uid"]).toBe(`${nobody}\t${nobody}\t${nobody}\t${nobody}`);
    expect(statusOf(childOf(pid))["Uid"]).toBe(`${nobody}\t${nobody}\t${nobody}\t${nobody}`);
    expect(statSync(spool).uid).toBe(nobody);
  });

  it("says so and goes on where there is no such user", async () => {
    await start("--run-as", "nobody-of-this-name");
    expect(log).toContain("keeping all privileges: there is no user nobody-of-this-name");
    const pid = sensor?.pid ?? 0;
    await waitUntil("a confined meter", () => statusOf(childOf(pid))["Seccomp"] === "2");
    expect(statusOf(childOf(pid))).toMatchObject({ CapEff: onlyNetRaw });
  });

  it("says so and goes on where nothing can be given up, as in some containers", async () => {
    prefix = ["/usr/bin/setpriv", "--bounding-set=-setpcap", "--inh-caps=-all"];
    await start();
    expect(log).toContain("keeping all privileges: other capabilities cannot be given up here");
    expect(log).toContain("the meter keeps this process's privileges");
    await waitUntil("a confined meter", () => statusOf(childOf(sensor?.pid ?? 0))["Seccomp"] === "2");
  });

  it("leaves a confined process no connection, no file to write and no program, in any thread", () => {
    const file = join(folder.path, "kept");
    writeFileSync(file, "kept");
    const text = execFileSync(process.execPath, ["-e", attempts, addon, file], { encoding: "utf8" });
    expect(JSON.parse(text)).toEqual({
      create: "EPERM",
      overwrite: "EPERM",
      remove: "EPERM",
      rename: "EPERM",
      otherThread: "EPERM",
      spawn: "EPERM",
      connect: "EPERM",
      listen: "EPERM",
      datagram: "EPERM",
      read: "kept",
    });
    expect(readFileSync(file, "utf8")).toBe("kept");
  });
});

/** What a meter that was taken over might try, each with how it ends. */
const attempts = `
  const fs = require("node:fs"), net = require("node:net"), dgram = require("node:dgram");
  const [addon, file] = process.argv.slice(1);
  require(addon).confine();
  const tried = (act) => { try { return act() ?? "done"; } catch (error) { return error.code; } };
  const failed = (emitter) => new Promise((resolve) => {
    emitter.once("error", (error) => resolve(error.code));
    for (const good of ["connect", "listening"]) emitter.once(good, () => resolve("done"));
  });
  (async () => {
    const socket = dgram.createSocket("udp4");
    const datagram = failed(socket);
    socket.bind(0);
    console.log(JSON.stringify({
      create: tried(() => fs.writeFileSync(file + ".new", "")),
      overwrite: tried(() => fs.openSync(file, "r+")),
      remove: tried(() => fs.unlinkSync(file)),
      rename: tried(() => fs.renameSync(file, file + ".other")),
      otherThread: await fs.promises.writeFile(file, "").then(() => "done", (error) => error.code),
      spawn: require("node:child_process").spawnSync("true").error?.code,
      connect: await failed(net.connect(1, "127.0.0.1")),
      listen: await failed(net.createServer().listen(0, "127.0.0.1")),
      datagram: await datagram,
      read: fs.readFileSync(file, "utf8"),
    }));
    process.exit();
  })();`;

function statusOf(pid: number): Record<string, string> {
  try {
    const lines = readFileSync(`/proc/${pid}/status`, "utf8").split("\n");
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
    );
  } catch {
    return {};
  }
}

function childOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return Number(children.trim().split(" ")[0]);
}
