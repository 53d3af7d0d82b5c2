import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { expect, it } from "vitest";
import { untilReady } from "../servers/until-ready.js";
import { notBuilt } from "./correlator-process.js";
import { startFleet } from "./fleet-under-test.js";
import type { FleetUnderTest } from "./fleet-under-test.js";
import { KnownScans } from "./known-scans.js";

if (notBuilt !== undefined) process.stderr.write(`nats-cluster: skipped, ${notBuilt}\n`);

/** Streams, buckets among them, and how often each is there. */
async function replicasOf({ nats }: FleetUnderTest): Promise<Map<string, number>> {
  const connection = await connect({ servers: nats.url });
  const streams = await (await jetstreamManager(connection)).streams.list().next();
  await connection.close();
  return new Map(streams.map(({ config }) => [config.name, config.num_replicas]));
}

it.skipIf(notBuilt !== undefined)(
  "no record is lost and every scan is found while each node of a NATS cluster is killed in turn",
  async () => {
    const fleet = await startFleet({
      natsNodes: 3,
      correlators: 1,
      recordsPerSecond: 500,
      recordsPerBatch: 50,
    });
    const scans = await KnownScans.start(fleet);
    try {
      const replicas = await replicasOf(fleet);
      expect(new Set(replicas.values())).toEqual(new Set([3]));
      for (const node of fleet.natsNodes) {
        await node.kill();
        const before = (await fleet.accounts()).map(({ applied }) => applied);
        await scans.make();
        const isApplied = async (): Promise<boolean> =>
          (await fleet.accounts()).every(({ applied }, index) => applied >= before[index] + 1000);
        await untilReady("records are applied with two nodes", 60_000, isApplied);
        await scans.whenFound();
        await node.restart();
        await fleet.natsCluster?.ready();
        for (const stream of replicas.keys()) await fleet.natsCluster?.whenCurrent(stream);
      }
      const accounts = await fleet.settle(60_000);
      for (const { emitted, applied, lost } of accounts) expect(applied + lost).toBe(emitted);
    } finally {
      await scans.stop();
      await fleet.stop();
    }
  },
  240_000,
);
