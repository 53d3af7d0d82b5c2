import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { NatsIncidentStore } from "@picket/correlator/adapters/nats/nats-incident-store.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisIncidentState } from "@picket/correlator/adapters/redis/redis-incident-state.js";
import { expect, it } from "vitest";
import { startNats } from "../servers/nats-server.js";
import { startRedis } from "../servers/redis-server.js";
import { connectedLink, encodedProbe, publishBatch, testStreams, until } from "./correlator-nats-fixture.js";

const launcher = fileURLToPath(new URL("../../deploy/picket/bin.mjs", import.meta.url));
const isBuilt = existsSync(fileURLToPath(new URL("../../correlator/dist/main.js", import.meta.url)));

/** A real process, which can be killed. */
function startProcess(nats: string, redis: string): { child: ChildProcess; log(): string } {
  const limits = [
    "--flows-bytes-max",
    String(testStreams.flowsBytesMax),
    "--incidents-bytes-max",
    String(testStreams.incidentsBytesMax),
  ];
  const words = [launcher, "correlator", "--nats", nats, "--redis", redis, ...limits];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (text) => (log += String(text)));
  return { child, log: () => log };
}

it.skipIf(!isBuilt)(
  "kill -9 of one correlator in mid-scan: the incident still comes, once",
  async () => {
    const [nats, redis] = await Promise.all([startNats(), startRedis()]);
    const link = await connectedLink(nats.url);
    const connection = new RedisConnection({ url: redis.url });
    connection.start();
    await connection.whenUp(5000);
    const incidents = new NatsIncidentStore(link, new RedisIncidentState(connection));
    const [doomed, other] = [startProcess(nats.url, redis.url), startProcess(nats.url, redis.url)];
    try {
      const areUp = (): boolean => [doomed, other].every(({ log }) => log().includes("correlating"));
      await until("both are up", areUp);
      const areComplete = (): boolean => [doomed, other].some(({ log }) => log().includes("rebuilt in"));
      await until("the windows are complete", areComplete);
      const probeHosts = async (first: number, last: number): Promise<void> => {
        for (let host = first; host <= last; host++)
          await publishBatch(link.current(), `lab-0${host}`, encodedProbe(0x0a000009, 0x0a010000 + host, 22));
      };
      await probeHosts(1, 4);
      doomed.child.kill("SIGKILL");
      await probeHosts(5, 8);
      const isComplete = async (): Promise<boolean> =>
        (await incidents.list({ source: "10.0.0.9" })).incidents[0]?.evidence.length === 8;
      // The lab asks for ten seconds, with the machine to itself.
      await until("the incident names every sensor", isComplete);
      expect((await incidents.list({})).incidents).toHaveLength(1);
      other.child.kill("SIGTERM");
      await until("the other one stopped", () => other.child.exitCode !== null);
      expect(other.child.exitCode).toBe(0);
    } finally {
      for (const { child } of [doomed, other]) child.kill("SIGKILL");
      await incidents.close();
      await connection.close();
      await link.stop();
      await nats.stop();
      await redis.stop();
    }
  },
  60_000,
);
