import { existsSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { connect } from "@nats-io/transport-node";
import { createClient } from "redis";
import { afterEach, expect, test } from "vitest";
import { startNats } from "./nats-server.js";
import { startRedis } from "./redis-server.js";
import { ServerProcess } from "./server-process.js";

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

test("a NATS server comes back on its port with its streams after SIGKILL", async () => {
  const nats = await startNats();
  running.push(nats);
  const { jetstreamManager } = await import("@nats-io/jetstream");
  const before = await connect({ servers: nats.url, reconnect: false });
  await (await jetstreamManager(before)).streams.add({ name: "S", subjects: ["s"] });
  const { pid } = nats;
  await nats.kill();
  await before.closed();
  await nats.restart();
  expect(nats.pid).not.toBe(pid);
  const after = await connect({ servers: nats.url });
  expect((await (await jetstreamManager(after)).streams.info("S")).config.subjects).toEqual(["s"]);
  await after.close();
});

test("a Redis server never evicts, keeps nothing on disk and comes back empty", async () => {
  const redis = await startRedis();
  running.push(redis);
  const client = createClient({ url: redis.url, socket: { reconnectStrategy: false } });
  client.on("error", () => {});
  await client.connect();
  expect(await client.configGet("maxmemory-policy")).toEqual({ "maxmemory-policy": "noeviction" });
  await client.set("a", "1");
  await redis.kill();
  await redis.restart();
  const again = createClient({ url: redis.url });
  await again.connect();
  expect(await again.dbSize()).toBe(0);
  again.destroy();
});

test("a port that is taken fails with the server's own words", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as AddressInfo;
  await expect(startRedis({ port })).rejects.toThrow(/in use/);
  await expect(startNats({ port })).rejects.toThrow(/in use/);
  taken.close();
});

test("a missing program is reported with the Debian package to install", async () => {
  const folders: string[] = [];
  const server = new ServerProcess({
    program: "picket-no-such-server",
    aptPackage: "no-such-package",
    readyLine: "",
    args: (_port, folder) => {
      folders.push(folder);
      return [];
    },
  });
  await expect(server.start()).rejects.toThrow("apt-get install no-such-package");
  expect(folders.filter((folder) => existsSync(folder))).toEqual([]);
});
