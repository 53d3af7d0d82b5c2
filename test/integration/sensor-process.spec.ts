import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { freePort } from "../servers/free-port.js";
import { startNats, type NatsProcess } from "../servers/nats-server.js";
import {
  Cable,
  canUseNamespaces,
  connectTest,
  createFlowStream,
  FlowReader,
  temporaryFolder,
  waitUntil,
} from "./sensor-harness.js";

if (!canUseNamespaces) process.stderr.write("sensor-process: skipped, needs root for network namespaces\n");

const dist = fileURLToPath(new URL("../../sensor/dist", import.meta.url));
const program = `
  import { sensorConfigSchema } from "${dist}/config.js";
  import { runSensor } from "${dist}/main.js";
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stop.abort());
  try {
    process.exitCode = await runSensor(sensorConfigSchema.parse(JSON.parse(process.argv[1])), stop.signal);
  } catch (error) {
    process.stderr.write(error.code + ": " + error.message + "\\n");
    process.exitCode = 2;
  }`;

/** The built sensor as a process of its own. */
class SensorProcess {
  log = "";
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor(config: object, prefix: readonly string[] = []) {
    const command = [
      ...prefix,
      process.execPath,
      "--input-type=module",
      "-e",
      program,
      JSON.stringify(config),
    ];
    this.child = spawn(command[0], command.slice(1), { stdio: ["ignore", "ignore", "pipe"] });
    this.child.stderr?.on("data", (chunk: Buffer) => (this.log += chunk.toString()));
    this.ended = new Promise((resolve) => this.child.once("close", (code) => resolve(code)));
  }

  meterPid(): number {
    const children = readFileSync(`/proc/${this.child.pid}/task/${this.child.pid}/children`, "utf8");
    return Number(children.trim().split(" ")[0]);
  }
}

describe.skipIf(!canUseNamespaces)("a sensor process", () => {
  const cable = new Cable();
  const processes: SensorProcess[] = [];
  let nats: NatsProcess;
  let connection: NatsConnection;
  let reader: FlowReader;
  let folder: ReturnType<typeof temporaryFolder>;
  let config: Record<string, unknown>;

  beforeAll(async () => {
    cable.up();
    nats = await startNats();
    connection = await connectTest(nats.url);
    await createFlowStream(connection);
  });

  afterAll(async () => {
    await connection.close();
    await nats.stop();
    cable.down();
  });

  beforeEach(async () => {
    folder = temporaryFolder();
    reader = new FlowReader();
    await reader.start(nats.url);
    config = {
      name: "p1",
      interface: cable.near,
      nats: [nats.url],
      spoolFolder: folder.path,
      stopDeadlineMs: 2000,
    };
  });

  afterEach(async () => {
    for (const sensor of processes.splice(0)) {
      sensor.child.kill("SIGKILL");
      await sensor.ended;
    }
    await reader.stop();
    folder.remove();
  });

  function start(change: object = {}, prefix: readonly string[] = []): SensorProcess {
    const sensor = new SensorProcess({ ...config, ...change }, prefix);
    processes.push(sensor);
    return sensor;
  }

  async function running(sensor: SensorProcess): Promise<void> {
    await waitUntil("capturing", () => sensor.log.includes("capturing on"));
  }

  it("that is killed says so at its next start, and its meter ends too", async () => {
    const first = start();
    await running(first);
    const meter = first.meterPid();
    await cable.knock(2001);
    await waitUntil("the flow", () => reader.has(cable.refused(2001)));
    const epoch = reader.batches.find((batch) => batch.flows.includes(cable.refused(2001)))?.epoch;
    first.child.kill("SIGKILL");
    await waitUntil("the meter to end", () => !existsSync(`/proc/${meter}`));

    const second = start();
    await running(second);
    await waitUntil("the gap", () => reader.gaps.length > 0);
    const [gap] = reader.gaps.slice(-1);
    expect(gap.reason).toBe("crash");
    expect(Buffer.from(gap.epoch).toString("hex")).toBe(epoch);
    expect(gap.toUs).toBeGreaterThan(gap.fromUs);
    await cable.knock(2002);
    await waitUntil("the next flow", () => reader.has(cable.refused(2002)));
  });

  it("ends its flows and delivers them when it is stopped", async () => {
    const sensor = start();
    await running(sensor);
    await cable.knock(2003);
    sensor.child.kill("SIGTERM");
    expect(await sensor.ended).toBe(0);
    await waitUntil("the flow", () => reader.has(cable.refused(2003)));
  });

  it("stops in time without a server and delivers at its next start", async () => {
    const sensor = start({ nats: ["nats://127.0.0.1:1"] });
    await running(sensor);
    await cable.knock(2004);
    const startMs = performance.now();
    sensor.child.kill("SIGINT");
    expect(await sensor.ended).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(4000);
    await running(start());
    await waitUntil("the flow", () => reader.has(cable.refused(2004)));
  });

  it("refuses what cannot work with one line and nothing left behind", async () => {
    const cases: [object, string[], RegExp][] = [
      [
        { interface: "nope0" },
        [],
        /^INTERFACE_UNKNOWN: interface nope0 does not exist; there are: .*lo.*\n$/,
      ],
      [
        { natsCredentialsFile: "/nonexistent.creds" },
        [],
        /^FILE_UNREADABLE: cannot read \/nonexistent.creds.*\n$/,
      ],
      [
        { spoolFolder: "/dev/null/x" },
        [],
        /^SPOOL_FAILED: spool folder \/dev\/null\/x\/p1 cannot be used.*\n$/,
      ],
      [{ metricsListen: `127.0.0.1:${nats.port}` }, [], /^ADDRESS_IN_USE: 127.0.0.1:\d+ is taken.*\n$/],
      [
        {},
        ["setpriv", "--bounding-set=-net_raw"],
        /^CAPTURE_DENIED: capturing needs CAP_NET_RAW: run with sudo.*\n$/,
      ],
    ];
    for (const [change, prefix, line] of cases) {
      const sensor = start(change, prefix);
      expect(await sensor.ended).toBe(2);
      expect(sensor.log).toMatch(line);
    }
  });

  it("ends when nats refuses its credentials", async () => {
    const guarded = await startNats({ config: 'authorization { user: "a", password: "b" }' });
    const sensor = start({ nats: [guarded.url], natsUser: "a", natsPassword: "wrong" });
    expect(await sensor.ended).toBe(2);
    expect(sensor.log).toMatch(/\nCREDENTIALS_REFUSED: nats refused the sensor's credentials.*\n$/);
    await guarded.stop();
  });

  it("refuses a spool that another sensor uses", async () => {
    await running(start());
    const second = start();
    expect(await second.ended).toBe(2);
    expect(second.log).toMatch(/^SPOOL_FAILED: spool folder .* is in use by process \d+.*\n$/);
  });

  it("serves its counters to Prometheus", async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const sensor = start({ metricsListen: address });
    await running(sensor);
    await cable.knock(2005);
    await waitUntil("the flow", () => reader.has(cable.refused(2005)));
    const text = await (await fetch(`http://${address}/metrics`)).text();
    expect(text).toMatch(/picket_sensor_batches_exported\{sensor="p1"\} [1-9]/);
  });
});
