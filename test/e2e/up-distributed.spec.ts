import { hostname, tmpdir } from "node:os";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { afterEach, describe, expect, it } from "vitest";

import { freePort } from "../servers/free-port.js";
import { startNats } from "../servers/nats-server.js";
import { startRedis } from "../servers/redis-server.js";
import { isBuilt, PicketProcess, runPicket } from "./picket-process.js";

/** Capturing on the loopback needs CAP_NET_RAW. */
const mayCapture = process.getuid?.() === 0;

describe.runIf(isBuilt && mayCapture)("picket up with NATS and Redis", () => {
  const stops: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  it("runs sensor, correlator and api, and stops all of them", { timeout: 180_000 }, async () => {
    const nats = await startNats();
    stops.push(() => nats.stop());
    const redis = await startRedis();
    stops.push(() => redis.stop());
    const state = mkdtempSync(join(tmpdir(), "picket-distributed-"));
    stops.push(() => Promise.resolve(rmSync(state, { recursive: true, force: true })));
    const server = `127.0.0.1:${await freePort()}`;
    const args = [
      "up",
      "--interface",
      "lo",
      "--name",
      "here",
      "--listen",
      server,
      "--nats",
      nats.url,
      "--redis",
      redis.url,
    ];
    const up = new PicketProcess(args, { PICKET_SPOOL_FOLDER: state });
    stops.push(() => {
      up.signal("SIGKILL");
      return up.ended;
    });
    const sensor = await runningSensor(server, up);
    expect(sensor).toMatchObject({ name: "here", host: hostname(), interfaces: ["lo"] });
    up.signal("SIGINT");
    expect((await up.ended).code).toBe(0);
    expect((await runPicket(["sensors", "--server", server])).code).toBe(2);
  });

  it("ends a role that is stopped while it connects", { timeout: 180_000 }, async () => {
    const nats = await startNats();
    stops.push(() => nats.stop());
    const redis = await startRedis();
    stops.push(() => redis.stop());
    const servers = ["--nats", nats.url, "--redis", redis.url];
    const api = new PicketProcess(["api", "--listen", "127.0.0.1:0", ...servers]);
    stops.push(() => {
      api.signal("SIGKILL");
      return api.ended;
    });
    while (!api.stderr.includes("serving gRPC")) await wait(5);
    api.signal("SIGTERM");
    expect((await api.ended).code).toBe(0);
  });
});

async function runningSensor(server: string, up: PicketProcess): Promise<unknown> {
  const untilMs = performance.now() + 60_000;
  for (;;) {
    const { stdout } = await runPicket(["sensors", "--json", "--server", server]);
    const sensors = stdout.split("\n").filter((line) => line !== "");
    const running = sensors.map((line) => JSON.parse(line) as { state: string });
    const found = running.find((sensor) => sensor.state === "SENSOR_STATE_RUNNING");
    if (found !== undefined) return found;
    if (performance.now() > untilMs) throw new Error(`no sensor came up: ${up.stderr}`);
    await wait(200);
  }
}
