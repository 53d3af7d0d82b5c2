import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { SensorStatus } from "@picket/proto/generated/picket/v1/sensor.js";
import { sensorConfigSchema } from "@picket/sensor/config.js";
import { runSensor } from "@picket/sensor/main.js";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LimitedDisk, noLimitedDisk } from "../faults/limited-disk.js";
import { startNats, type NatsProcess } from "../servers/nats-server.js";
import {
  Cable,
  canUseNamespaces,
  connectTest,
  createFlowStream,
  FlowReader,
  waitUntil,
} from "./sensor-harness.js";

const missing = canUseNamespaces ? noLimitedDisk : "needs root for network namespaces";
if (missing !== undefined) process.stderr.write(`sensor-spool-disk: skipped, ${missing}\n`);

/** What may happen to a disk, and how it ends. */
const faults: readonly (readonly [
  string,
  RegExp,
  (disk: LimitedDisk) => void,
  (disk: LimitedDisk) => void,
])[] = [
  ["is full", /ENOSPC/, (disk) => void disk.fill(), (disk) => disk.free()],
  [
    "is read-only",
    /EROFS|ENOENT/,
    (disk) => execFileSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", disk.path]),
    (disk) => execFileSync("umount", [disk.path]),
  ],
  [
    "lost its folder",
    /ENOENT/,
    (disk) => rmSync(join(disk.path, "spool"), { recursive: true }),
    () => undefined,
  ],
];

describe.skipIf(missing !== undefined)("a sensor whose disk", () => {
  const cable = new Cable();
  let nats: NatsProcess;
  let connection: NatsConnection;
  let reader: FlowReader;
  let disk: LimitedDisk;
  let last: SensorStatus | undefined;
  let stop: () => Promise<number>;
  let knocking: NodeJS.Timeout;
  let knocks: number[];
  let port = 5000;
  /** Ends the fault a test did not get to end. */
  let undo: (() => void) | undefined;

  beforeAll(() => cable.up());
  afterAll(() => cable.down());

  beforeEach(async () => {
    nats = await startNats();
    connection = await connectTest(nats.url);
    await createFlowStream(connection);
    disk = LimitedDisk.mount(2 << 20);
    const config = sensorConfigSchema.parse({
      name: `disk-${process.pid}`,
      interface: cable.near,
      nats: [nats.url],
      spoolFolder: join(disk.path, "spool"),
      statusIntervalMs: 100,
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
    knocks = [];
    knocking = setInterval(() => {
      knocks.push(++port);
      void cable.knock(port);
    }, 100);
  });

  afterEach(async () => {
    clearInterval(knocking);
    await stop();
    await reader.stop();
    await connection.close();
    await nats.stop();
    undo?.();
    undo = undefined;
    disk.unmount();
  });

  async function millisecondsUntil(what: string, condition: () => boolean): Promise<number> {
    const startMs = performance.now();
    await waitUntil(what, condition);
    return Math.round(performance.now() - startMs);
  }

  const hasArrived = (count: number): boolean =>
    knocks.slice(0, count).every((knocked) => reader.has(cable.refused(knocked)));

  it.each(faults)(
    "%s goes on capturing, says so, and uses it again",
    async (name, reason, begin, end) => {
      await waitUntil("flows", () => knocks.length > 4 && hasArrived(4));
      begin(disk);
      undo = () => end(disk);
      const degradedMs = await millisecondsUntil("degraded", () => last?.state === 2);
      await waitUntil("the reason", () => reason.test(last?.detail ?? ""));
      const before = knocks.length;
      await waitUntil("flows meanwhile", () => knocks.length > before + 8 && hasArrived(before + 8));
      end(disk);
      undo = undefined;
      const recoveredMs = await millisecondsUntil("running", () => last?.state === 1);
      const count = knocks.length;
      await waitUntil("every flow", () => hasArrived(count));
      process.stderr.write(`disk ${name}: degraded after ${degradedMs} ms, well after ${recoveredMs} ms\n`);
      expect(degradedMs).toBeLessThan(5000);
      expect(recoveredMs).toBeLessThan(10_000);
      expect(reader.gaps).toEqual([]);
      expect(last?.counters["meter_restarts"]).toBe(0n);
    },
    60_000,
  );
});
