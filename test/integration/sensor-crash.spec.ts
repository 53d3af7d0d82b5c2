import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import type { NatsConnection } from "@nats-io/transport-node";
import { SensorStatus } from "@picket/proto/generated/picket/v1/sensor.js";
import { sensorConfigSchema, type SensorConfig } from "@picket/sensor/config.js";
import { runSensor } from "@picket/sensor/main.js";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
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

if (!canUseNamespaces) process.stderr.write("sensor-crash: skipped, needs root for network namespaces\n");

/** Every way a meter ends that it does not choose, and what its exporter may say of it. */
const crashes: readonly (readonly [string, RegExp, (pid: number) => void])[] = [
  ["is killed", /SIGKILL/, (pid) => process.kill(pid, "SIGKILL")],
  ["violates a segment", /SIGSEGV/, (pid) => process.kill(pid, "SIGSEGV")],
  ["aborts", /SIGABRT/, (pid) => process.kill(pid, "SIGABRT")],
  ["hits a bus error", /SIGBUS/, (pid) => process.kill(pid, "SIGBUS")],
  ["runs out of memory", /SIG|exit/, exhaustMemory],
];

/** From now on every allocation of the process fails; opening its inspector needs one. */
function exhaustMemory(pid: number): void {
  execFileSync("prlimit", ["--pid", String(pid), "--as=1", "--data=1"]);
  process.kill(pid, "SIGUSR1");
}

/** The process number of the meter of this process, while it has one. */
function meterPid(): number | undefined {
  const children = readdirSync("/proc/self/task").flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, "utf8").trim().split(" "),
  );
  return children.filter((pid) => pid !== "" && isMeter(pid)).map(Number)[0];
}

function isMeter(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("meter-main");
  } catch {
    return false;
  }
}

describe.skipIf(!canUseNamespaces)("a sensor whose meter", () => {
  const cable = new Cable();
  let nats: NatsProcess;
  let connection: NatsConnection;
  let reader: FlowReader;
  let folder: ReturnType<typeof temporaryFolder>;
  let config: SensorConfig;
  let statuses: SensorStatus[];
  let stop: () => Promise<number>;
  let port = 3000;

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
    statuses = [];
    config = sensorConfigSchema.parse({
      name: `crash-${process.pid}`,
      interface: cable.near,
      nats: [nats.url],
      spoolFolder: folder.path,
      statusIntervalMs: 100,
      logLevel: "error",
    });
    reader = new FlowReader();
    await reader.start(nats.url);
    connection.subscribe(`picket.status.v1.${config.name}`, {
      callback: (_error, message) => void statuses.push(SensorStatus.decode(message.data)),
    });
    const controller = new AbortController();
    const running = runSensor(config, controller.signal);
    stop = () => {
      controller.abort();
      return running;
    };
    await waitUntil("the sensor runs", () => statuses.at(-1)?.state === 1);
  });

  afterEach(async () => {
    await stop();
    await reader.stop();
    folder.remove();
  });

  async function knockUntilSeen(): Promise<string> {
    const flow = cable.refused(++port);
    await cable.knock(port);
    await waitUntil(`the flow ${flow}`, () => reader.has(flow));
    return flow;
  }

  /** Crashes that were said since then; the stream keeps those of the tests before. */
  function crashGaps(fromUs: number): number {
    return reader.gaps.filter(({ reason, toUs }) => reason === "crash" && toUs >= fromUs).length;
  }

  it.each(crashes)("%s goes on publishing, says what it cost and starts another", async (_, end, crash) => {
    const before = await knockUntilSeen();
    const first = meterPid();
    if (first === undefined) throw new Error("there is no meter");
    const fromUs = Date.now() * 1000;
    crash(first);
    await waitUntil("another meter", () => (meterPid() ?? first) !== first && statuses.at(-1)?.state === 1);
    const after = await knockUntilSeen();
    await waitUntil("the gap", () => crashGaps(fromUs) === 1);

    const said = statuses.filter(({ state }) => state === 3).map(({ detail }) => detail);
    expect(said.some((detail) => detail.startsWith("the meter ended") && end.test(detail))).toBe(true);
    expect(statuses.at(-1)?.counters["meter_restarts"]).toBe(1n);
    const batchOf = (flow: string): string | undefined =>
      reader.batches.find(({ flows }) => flows.includes(flow))?.epoch;
    // The publisher is the same process run: one epoch, and its sequence has no hole.
    expect(batchOf(after)).toBe(batchOf(before));
    const sequences = reader.batches
      .filter(({ epoch }) => epoch === batchOf(after))
      .map(({ sequence }) => sequence)
      .sort((a, b) => a - b);
    expect(sequences).toEqual(sequences.map((_number, i) => i + 1));
  });

  it("crashes again and again does not wear the publisher out", async () => {
    const fromUs = Date.now() * 1000;
    for (let i = 0; i < 3; i++) {
      await waitUntil("a meter", () => meterPid() !== undefined && statuses.at(-1)?.state === 1);
      const pid = meterPid();
      if (pid !== undefined) process.kill(pid, i % 2 === 0 ? "SIGKILL" : "SIGSEGV");
      await waitUntil("its restart", () => statuses.at(-1)?.counters["meter_restarts"] === BigInt(i + 1));
    }
    await waitUntil("running", () => statuses.at(-1)?.state === 1);
    await knockUntilSeen();
    await waitUntil("the gaps", () => crashGaps(fromUs) === 3);
  });
});
