import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisLeases } from "@picket/correlator/adapters/redis/redis-leases.js";
import { RedisWindowStore } from "@picket/correlator/adapters/redis/redis-window-store.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { contact, only, sourceNumber } from "../conformance/window-observations.js";
import { startRedisCluster } from "../servers/redis-cluster.js";
import type { RedisCluster } from "../servers/redis-cluster.js";
import { untilReady } from "../servers/until-ready.js";
import { notBuilt } from "./correlator-process.js";
import { startFleet } from "./fleet-under-test.js";
import type { FleetUnderTest } from "./fleet-under-test.js";
import { KnownScans } from "./known-scans.js";

if (notBuilt !== undefined) process.stderr.write(`redis-cluster: skipped, ${notBuilt}\n`);

/** Of all sensors. */
async function sums(fleet: FleetUnderTest): Promise<{ emitted: number; applied: number }> {
  const accounts = await fleet.accounts();
  return {
    emitted: accounts.reduce((sum, { emitted }) => sum + emitted, 0),
    applied: accounts.reduce((sum, { applied }) => sum + applied, 0),
  };
}

it.skipIf(notBuilt !== undefined)(
  "every scan is found and every record applied after the master of each shard of a Redis cluster was killed",
  async () => {
    const load = { recordsPerSecond: 500, recordsPerBatch: 50 };
    const fleet = await startFleet({ redisShards: 3, correlators: 1, ...load });
    const scans = await KnownScans.start(fleet);
    try {
      for (const slot of [0, 8000, 16_000]) {
        const killed = await fleet.redisCluster?.failOver(slot);
        const { emitted: before } = await sums(fleet);
        await scans.make();
        const isApplied = async (): Promise<boolean> => (await sums(fleet)).applied >= before;
        await untilReady("what was emitted meanwhile is applied", 120_000, isApplied).catch(
          (error: unknown) => {
            // What the correlators did meanwhile says why.
            for (const { log } of fleet.correlators) process.stderr.write(log);
            throw error;
          },
        );
        await scans.whenFound();
        await killed?.restart();
        await fleet.redisCluster?.whenWhole();
      }
      const accounts = await fleet.settle(60_000);
      for (const { emitted, applied, lost } of accounts) expect(applied + lost).toBe(emitted);
    } finally {
      await scans.stop();
      await fleet.stop();
    }
  },
  480_000,
);

describe("a Redis cluster", () => {
  let cluster: RedisCluster;
  let connection: RedisConnection;

  beforeEach(async () => {
    cluster = await startRedisCluster();
    connection = new RedisConnection({ url: cluster.urls[0] });
    connection.start();
  }, 60_000);

  afterEach(async () => {
    await connection.close();
    await cluster.stop();
  });

  /** One contact of each of 200 sources: their partitions lie on every shard. */
  async function mergeEverywhere(): Promise<void> {
    const store = new RedisWindowStore(connection);
    const failed = Array.from({ length: 200 }, (_, index) => contact({ source: sourceNumber(index) }));
    await store.merge(only({ failed }));
  }

  it("takes windows of every partition", async () => {
    await connection.whenUp(15_000);
    await mergeEverywhere();
  });

  it("grants leases of every name", async () => {
    await connection.whenUp(15_000);
    const leases = new RedisLeases(connection);
    for (let index = 0; index < 64; index++) {
      const lease = await leases.acquire(`p${index}`, 5000);
      expect(lease).toBeDefined();
    }
  });

  it("takes windows again after the master of a shard was killed", async () => {
    await connection.whenUp(15_000);
    await cluster.failOver(0);
    await untilReady("a merge works", 30_000, () =>
      mergeEverywhere().then(
        () => true,
        () => false,
      ),
    );
  }, 90_000);
});
