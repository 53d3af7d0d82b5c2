import { randomBytes } from "node:crypto";
import { jetstreamManager } from "@nats-io/jetstream";
import { NatsIncidentStore } from "@picket/correlator/adapters/nats/nats-incident-store.js";
import { NatsSensorRegistry } from "@picket/correlator/adapters/nats/nats-sensor-registry.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisIncidentState } from "@picket/correlator/adapters/redis/redis-incident-state.js";
import { RedisSensorTotals } from "@picket/correlator/adapters/redis/redis-sensor-totals.js";
import { expect, it } from "vitest";
import { CorrelatorProcess, notBuilt } from "../faults/correlator-process.js";
import { TcpFaultProxy } from "../faults/tcp-fault-proxy.js";
import { startNats } from "../servers/nats-server.js";
import { startRedis } from "../servers/redis-server.js";
import { connectedLink, encodedBatch, publishBatch, testStreams, until } from "./correlator-nats-fixture.js";

if (notBuilt !== undefined) process.stderr.write(`correlator-redelivery: skipped, ${notBuilt}\n`);

const rounds = 2;
const batchesPerRound = 40;
const recordsPerBatch = 12;

it.skipIf(notBuilt !== undefined)(
  "kill -9 between effect and acknowledgement: counts are exact, the incident keeps its id",
  async () => {
    const [nats, redis] = await Promise.all([startNats(), startRedis()]);
    const link = await connectedLink(nats.url);
    const proxy = await TcpFaultProxy.start(nats.port);
    const connection = new RedisConnection({ url: redis.url });
    connection.start();
    await connection.whenUp(5000);
    const incidents = new NatsIncidentStore(link, new RedisIncidentState(connection));
    const registry = new NatsSensorRegistry(link, new RedisSensorTotals(connection));
    const { flowsBytesMax } = testStreams;
    const common = { redis: redis.url, flowsBytesMax };
    const doomed = new CorrelatorProcess({ ...common, nats: [`nats://127.0.0.1:${proxy.port}`] });
    const heir = new CorrelatorProcess({ ...common, nats: [nats.url] });
    const applied = async (): Promise<number> =>
      (await registry.list(Date.now())).reduce((sum, { appliedRecords }) => sum + appliedRecords, 0);
    const outstanding = async (): Promise<{ unsettled: number; ackPending: number; waiting: number }> => {
      const manager = await jetstreamManager(link.current());
      const info = await manager.consumers.info("FLOWS", "correlators").catch(() => undefined);
      const { num_pending = 0, num_ack_pending: ackPending = 0, num_waiting: waiting = 0 } = info ?? {};
      return { unsettled: num_pending + ackPending, ackPending, waiting };
    };
    try {
      const epoch = randomBytes(16);
      let emitted = 0;
      let sequence = 0;
      let unacknowledged = 0;
      const ids = new Set<string>();
      for (let round = 0; round < rounds; round++) {
        await doomed.start();
        await until("it waits for batches", async () => (await outstanding()).waiting > 0);
        const before = await applied();
        // From here on NATS hears nothing of it: no acknowledgement arrives.
        proxy.set("up", { isDead: true });
        for (let i = 0; i < batchesPerRound; i++) {
          await publishBatch(link.current(), "lab-01", encodedBatch(++sequence, recordsPerBatch, epoch));
          emitted += recordsPerBatch;
        }
        // All, some or, when its request had just ended, none of them were handed to it.
        await until("what it was given is applied", async () => {
          const { ackPending } = await outstanding();
          return (await applied()) - before === ackPending * recordsPerBatch;
        });
        await doomed.kill();
        unacknowledged += (await applied()) - before;
        proxy.reset();
        proxy.set("up", { isDead: false });
        await heir.start();
        await until("all is acknowledged", async () => (await outstanding()).unsettled === 0, 20_000);
        expect(await applied()).toBe(emitted);
        await until("there is an incident", async () => {
          const found = (await incidents.list({})).incidents;
          for (const { id } of found) ids.add(id);
          return found.length > 0;
        });
        await heir.kill();
      }
      expect(unacknowledged).toBeGreaterThanOrEqual(batchesPerRound * recordsPerBatch);
      expect(ids.size).toBe(1);
      expect((await incidents.list({})).incidents).toHaveLength(1);
    } finally {
      for (const process of [doomed, heir]) await process.kill();
      await incidents.close();
      await registry.close();
      await connection.close();
      await proxy.stop();
      await link.stop();
      await nats.stop();
      await redis.stop();
    }
  },
  120_000,
);
