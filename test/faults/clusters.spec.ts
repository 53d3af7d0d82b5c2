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

if (notBuilt !== undefined) process.stderr.write(`clusters: skipped, ${notBuilt}\n`);

/** Of all sensors. */
async function sums(fleet: FleetUnderTest): Promise<{ emitted: number; applied: number }> {
  const accounts = await fleet.accounts();
  return {
    emitted: accounts.reduce((sum, { emitted }) => sum + emitted, 0),
    applied: accounts.reduce((sum, { applied }) => sum + applied, 0),
  };
}

it.skipIf(notBuilt !== undefined)(
  "no record is lost while each node of a NATS cluster is killed in turn",
  async () => {
    const fleet = await startFleet({
      natsNodes: 3,
      correlators: 1,
      recordsPerSecond: 500,
      recordsPerBatch: 50,
    });
    try {
      for (const node of fleet.natsNodes) {
        await node.kill();
        const before = (await fleet.accounts()).map(({ applied }) => applied);
        const isApplied = async (): Promise<boolean> =>
          (await fleet.accounts()).every(({ applied }, index) => applied >= before[index] + 1000);
        await untilReady("records are applied with two nodes", 30_000, isApplied);
        await node.restart();
        await fleet.natsCluster?.ready();
        for (const stream of ["FLOWS", "INCIDENTS"]) await fleet.natsCluster?.whenCurrent(stream);
      }
      for (const { emitted, applied, lost } of await fleet.settle(60_000))
        expect(applied + lost).toBeGreaterThanOrEqual(emitted);
    } finally {
      await fleet.stop();
    }
  },
  180_000,
);

it.skipIf(notBuilt !== undefined)(
  "records are applied again after the master of each shard of a Redis cluster was killed",
  async () => {
    const load = { recordsPerSecond: 500, recordsPerBatch: 50 };
    const fleet = await startFleet({ redisShards: 3, correlators: 1, ...load });
    try {
      for (const slot of [0, 8000, 16_000]) {
        const killed = await fleet.redisCluster?.failOver(slot);
        const { emitted: before } = await sums(fleet);
        const isApplied = async (): Promise<boolean> => (await sums(fleet)).applied >= before;
        await untilReady("what was emitted meanwhile is applied", 30_000, isApplied);
        await killed?.restart();
        await fleet.redisCluster?.whenWhole();
      }
      await fleet.settle(60_000);
    } finally {
      await fleet.stop();
    }
  },
  180_000,
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
    await connection.whenUp(5000);
    await mergeEverywhere();
  });

  it("grants leases of every name", async () => {
    await connection.whenUp(5000);
    const leases = new RedisLeases(connection);
    for (let index = 0; index < 64; index++) {
      const lease = await leases.acquire(`p${index}`, 5000);
      expect(lease).toBeDefined();
    }
  });

  it("takes windows again after the master of a shard was killed", async () => {
    await connection.whenUp(5000);
    await cluster.failOver(0);
    await untilReady("a merge works", 10_000, () =>
      mergeEverywhere().then(
        () => true,
        () => false,
      ),
    );
  }, 60_000);
});
