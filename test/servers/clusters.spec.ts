import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { createCluster } from "redis";
import { afterEach, expect, test } from "vitest";
import { startNatsCluster } from "./nats-cluster.js";
import { startRedisCluster } from "./redis-cluster.js";
import { untilReady } from "./until-ready.js";

const running: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop();
});

test("a stream with three replicas survives the kill of each NATS node in turn", async () => {
  const cluster = await startNatsCluster();
  running.push(cluster);
  const connection = await connect({
    servers: [...cluster.urls],
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
  });
  running.push({ stop: () => connection.close() });
  const manager = await jetstreamManager(connection, { timeout: 2000 });
  await manager.streams.add({ name: "S", subjects: ["s"], num_replicas: 3, max_bytes: 1 << 20 });
  const stream = jetstream(connection, { timeout: 1000 });
  let acknowledged = 0;
  const store = async (): Promise<void> => {
    const msgID = String(acknowledged + 1);
    await untilReady("the stream takes a message", 60_000, () =>
      stream.publish("s", msgID, { msgID }).then(
        () => true,
        () => false,
      ),
    );
    acknowledged++;
  };
  for (const node of cluster.nodes) {
    await store();
    await node.kill();
    await store();
    await node.restart();
    await cluster.ready();
    await cluster.whenCurrent("S");
  }
  expect((await manager.streams.info("S")).state.messages).toBe(acknowledged);
  expect(acknowledged).toBe(6);
}, 240_000);

test("a Redis cluster serves every slot again after the master of each shard was killed", async () => {
  const cluster = await startRedisCluster();
  running.push(cluster);
  const client = createCluster({ rootNodes: cluster.urls.map((url) => ({ url })) });
  client.on("error", () => {});
  await client.connect();
  running.push({ stop: () => Promise.resolve(client.destroy()) });
  const keys = Array.from({ length: 64 }, (_, index) => `{p${String(index).padStart(2, "0")}}:k`);
  for (const key of keys) await client.set(key, key);
  for (const slot of [0, 8000, 16_000]) {
    const killed = await cluster.failOver(slot);
    await killed.restart();
    await cluster.whenWhole();
  }
  const masters = (await cluster.state()).filter(({ role }) => role === "master");
  expect(masters.map(({ process }) => process.port).sort()).toEqual(
    cluster.nodes
      .slice(3)
      .map(({ port }) => port)
      .sort(),
  );
  for (const key of keys)
    await untilReady(`${key} is read`, 30_000, async () => (await client.get(key).catch(() => null)) === key);
}, 240_000);
