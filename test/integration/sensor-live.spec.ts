import { readdirSync, readFileSync } from "node:fs";
import type { NatsConnection, Subscription } from "@nats-io/transport-node";
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

if (!canUseNamespaces) process.stderr.write("sensor-live: skipped, needs root for network namespaces\n");

/** Process numbers of the meters this process started. */
function meterPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const parent = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
        return (
          Number(parent) === process.pid &&
          readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("meter-main")
        );
      } catch {
        return false;
      }
    });
}

describe.skipIf(!canUseNamespaces).each(["auto", "cap"] as const)("a live sensor, capture %s", (capture) => {
  const cable = new Cable();
  let nats: NatsProcess;
  let connection: NatsConnection;
  let reader: FlowReader;
  let folder: ReturnType<typeof temporaryFolder>;
  let config: SensorConfig;
  let last: SensorStatus | undefined;
  let stop: () => Promise<number>;
  let responder: Subscription | undefined;
  let port = 1000;

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
    config = sensorConfigSchema.parse({
      name: `live-${process.pid}`,
      interface: cable.near,
      capture,
      nats: [nats.url],
      spoolFolder: folder.path,
      statusIntervalMs: 200,
      publishTimeoutMs: 1000,
      logLevel: "error",
    });
    reader = new FlowReader();
    await reader.start(nats.url);
    last = undefined;
    connection.subscribe(`picket.status.v1.${config.name}`, {
      callback: (_error, message) => void (last = SensorStatus.decode(message.data)),
    });
    const controller = new AbortController();
    const running = runSensor(config, controller.signal);
    stop = () => {
      controller.abort();
      return running;
    };
    await waitUntil("the sensor runs", () => last?.state === 1);
  });

  afterEach(async () => {
    responder?.unsubscribe();
    await stop();
    await reader.stop();
    folder.remove();
  });

  function answerPolicy(policy: object): void {
    responder = connection.subscribe(`picket.policy.get.${config.name}`, {
      callback: (_error, message) => void message.respond(JSON.stringify(policy)),
    });
    connection.publish("picket.policy.v1");
  }

  async function knockUntilSeen(): Promise<string> {
    const flow = cable.refused(++port);
    await cable.knock(port);
    await waitUntil(`the flow ${flow}`, () => reader.has(flow));
    return flow;
  }

  it("delivers the flows of real traffic and its heartbeat", async () => {
    await knockUntilSeen();
    expect(reader.invalid).toEqual([]);
    await waitUntil("counters", () => (last?.counters["batches_acknowledged"] ?? 0n) > 0n);
    expect(last?.hostAddresses).toContain(cable.nearAddress);
    expect(last?.interfaces).toEqual([cable.near]);
    expect(await stop()).toBe(0);
    await waitUntil("the last heartbeat", () => last?.state === 5);
    // No correlator says that they are applied.
    const kept = readdirSync(`${folder.path}/${config.name}`);
    expect(kept.filter((name) => !name.endsWith(".segment"))).toEqual([]);
    expect(meterPids()).toEqual([]);
  });

  it("waits while the interface is down and captures when it is back", async () => {
    cable.set("down");
    await waitUntil("waiting", () => last?.state === 3);
    expect(last?.detail).toBe(`interface ${cable.near} is down`);
    cable.set("up");
    await waitUntil("running", () => last?.state === 1);
    await knockUntilSeen();
  });

  it("waits while the interface is gone and captures when it is made again", async () => {
    cable.unplug();
    await waitUntil("waiting", () => last?.state === 3);
    expect(last?.detail).toBe(`interface ${cable.near} is gone`);
    cable.plug();
    await waitUntil("running", () => last?.state === 1);
    await knockUntilSeen();
  });

  it("starts another meter when one is killed, and says what that cost", async () => {
    const [pid] = meterPids();
    process.kill(pid, "SIGKILL");
    await waitUntil(
      "a restart is counted",
      () => last?.counters["meter_restarts"] === 1n && last.state === 1,
    );
    await knockUntilSeen();
    await waitUntil("a gap", () => reader.gaps.some((gap) => gap.reason === "crash"));
  });

  it("loses nothing when nats is killed", async () => {
    await knockUntilSeen();
    await nats.kill();
    const flows: string[] = [];
    for (let i = 0; i < 5; i++) {
      flows.push(cable.refused(++port));
      await cable.knock(port);
    }
    await nats.restart();
    await waitUntil("all flows", () => flows.every((flow) => reader.has(flow)), 20_000);
    const own = reader.batches.filter((batch) => batch.epoch === reader.batches.at(-1)?.epoch);
    const sequences = own.map((batch) => batch.sequence).sort((a, b) => a - b);
    expect(sequences).toEqual(sequences.map((_, i) => i + 1));
  });

  it("follows the policy without a restart of its own", async () => {
    answerPolicy({ revision: "7", sensor: { filter: "tcp port 9", holdTimeoutMs: 500 } });
    await waitUntil("the revision", () => last?.policyRevision === 7n && last.state === 1);
    const before = cable.refused(4000);
    await cable.knock(4000);
    await cable.knock(9);
    await waitUntil("the flow of the filter", () => reader.has(cable.refused(9)));
    expect(reader.has(before)).toBe(false);
    expect(last?.counters["meter_restarts"]).toBe(0n);
  });

  it("takes new timeouts into the running meter", async () => {
    const [pid] = meterPids();
    answerPolicy({ revision: "9", sensor: { holdTimeoutMs: 200, idleTimeoutMs: 1000 } });
    await waitUntil("the revision", () => last?.policyRevision === 9n);
    await knockUntilSeen();
    expect(meterPids()).toEqual([pid]);
  });

  it("captures everything and says so when the policy's filter is no filter", async () => {
    answerPolicy({ revision: "8", sensor: { filter: "no such filter" } });
    await waitUntil("degraded", () => last?.state === 2);
    expect(last?.detail).toContain("no such filter");
    await knockUntilSeen();
  });
});
