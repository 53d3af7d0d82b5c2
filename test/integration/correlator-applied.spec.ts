import { jetstream } from "@nats-io/jetstream";
import type { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { NatsSensorRegistry } from "@picket/correlator/adapters/nats/nats-sensor-registry.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisSensorTotals } from "@picket/correlator/adapters/redis/redis-sensor-totals.js";
import type { AppliedBatch, ReportedGap } from "@picket/correlator/sensors/batch-account.js";
import { GapReason, GapRecord } from "@picket/proto/generated/picket/v1/flow.js";
import { AppliedWatermark } from "@picket/proto/generated/picket/v1/sensor.js";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { buildApplied, buildGap } from "../conformance/batch-reports.js";
import { shuffle } from "../engine/flow-scenario.js";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { startNats } from "../servers/nats-server.js";
import type { NatsProcess } from "../servers/nats-server.js";
import { startRedis } from "../servers/redis-server.js";
import type { RedisProcess } from "../servers/redis-server.js";
import { connectedLink, until } from "./correlator-nats-fixture.js";

let nats: NatsProcess;
let redis: RedisProcess;
let link: NatsLink;
let connection: RedisConnection;

beforeAll(async () => {
  [nats, redis] = await Promise.all([startNats(), startRedis()]);
  link = await connectedLink(nats.url);
  connection = new RedisConnection({ url: redis.url });
  connection.start();
  await connection.whenUp(5000);
});

beforeEach(async () => {
  await connection.command(["FLUSHALL"]);
});

afterAll(async () => {
  await link.stop();
  await connection.close();
  await nats.stop();
  await redis.stop();
});

/** The highest sequence without a hole below it, by looking at each. */
function expectedFloor(reported: ReadonlySet<number>, gaps: readonly ReportedGap[]): number {
  let floor = 0;
  const isCovered = (sequence: number): boolean =>
    gaps.some(({ firstSequence, lastSequence }) => firstSequence <= sequence && sequence <= lastSequence);
  while (reported.has(floor + 1) || isCovered(floor + 1)) floor++;
  return floor;
}

/** As a correlator a second later sees it. */
async function floorOf(totals: RedisSensorTotals, { sensor, epoch }: AppliedBatch): Promise<number> {
  await connection.command(["DEL", `picket:{sensors}:claim:${sensor}:${epoch}`]);
  const [floor] = await totals.floors([{ sensor, epoch }]);
  return floor.floorSequence;
}

it("the floor is below the first batch that is neither applied nor lost, in any order", async () => {
  const totals = new RedisSensorTotals(connection);
  for (let seed = 1; seed <= 60; seed++) {
    const random = new SeededRandom(seed);
    const sensor = `lab-${seed}`;
    const count = random.between(1, seed % 10 === 0 ? 9000 : 300);
    const batches = Array.from({ length: count }, (_, i) => buildApplied({ sensor, sequence: i + 1 }));
    const gaps = Array.from({ length: random.below(4) }, (): ReportedGap => {
      const firstSequence = random.between(1, count);
      const lastSequence = Math.min(count, firstSequence + random.below(60));
      return buildGap({
        sensor,
        firstSequence,
        lastSequence,
        reason: random.pick(["spool_full", "refused", "corrupt"]),
      });
    });
    const isLost = (sequence: number): boolean =>
      gaps.some((gap) => gap.firstSequence <= sequence && sequence <= gap.lastSequence);
    const missing = new Set(batches.map(({ sequence }) => sequence).filter(() => random.chance(0.5 / count)));
    const arriving = batches.filter(({ sequence }) => !isLost(sequence) && !missing.has(sequence));
    const reports = shuffle([...arriving, ...arriving.filter(() => random.chance(0.2))], random);
    await totals.addGaps([...gaps, ...gaps]);
    const reported = new Set<number>();
    const step = Math.ceil(reports.length / 3);
    for (let from = 0; from < reports.length; from += step) {
      const some = reports.slice(from, from + step);
      await totals.addBatches(some);
      for (const { sequence } of some) reported.add(sequence);
      expect(await floorOf(totals, batches[0]), `seed ${seed}`).toBe(expectedFloor(reported, gaps));
    }
  }
});

it("a gap that has no batches, or whose records may still come, covers nothing", async () => {
  const totals = new RedisSensorTotals(connection);
  const first = buildApplied();
  await totals.addBatches([first]);
  await totals.addGaps([
    buildGap({ reason: "pipe_full", firstSequence: 2, lastSequence: 9 }),
    buildGap({ reason: "corrupt", firstSequence: 0, lastSequence: 0 }),
  ]);
  expect(await floorOf(totals, first)).toBe(1);
});

it("a sensor is told its floor by any number of correlators, at most once a second", async () => {
  const registries = [1, 2, 3].map(() => new NatsSensorRegistry(link, new RedisSensorTotals(connection)));
  const told: { floor: number; atMs: number }[] = [];
  const subscription = link.current().subscribe("picket.applied.v1.lab-01", {
    callback: (_error, { data }) => {
      const { epoch, floorSequence } = AppliedWatermark.decode(data);
      expect(epoch.toString("hex")).toBe(buildApplied().epoch);
      told.push({ floor: Number(floorSequence), atMs: performance.now() });
    },
  });
  const beganMs = performance.now();
  for (let sequence = 1; sequence <= 90; sequence++) {
    await registries[sequence % 3].recordApplied([buildApplied({ sequence })]);
    if (sequence % 30 === 0) {
      const expected = sequence;
      await until(`the sensor knows ${expected}`, () => told.at(-1)?.floor === expected);
    }
  }
  expect(told.length).toBeLessThanOrEqual((performance.now() - beganMs) / 900 + 1);
  subscription.unsubscribe();
  for (const registry of registries) await registry.close();
});

it("after a loss of redis the stream brings the sums back, and says since when they count", async () => {
  const registry = new NatsSensorRegistry(link, new RedisSensorTotals(connection));
  const gap = GapRecord.encode(
    GapRecord.fromPartial({
      epoch: Buffer.from(buildGap().epoch, "hex"),
      firstSequence: 2n,
      lastSequence: 2n,
      records: 40n,
      reason: GapReason.GAP_REASON_REFUSED,
    }),
  ).finish();
  await jetstream(link.current()).publish("picket.gaps.v1.lab-01", gap);
  const later = buildApplied({ sequence: 3, records: 3, ingestMs: 5000 });
  const earlier = buildApplied({ sequence: 1, records: 1, ingestMs: 4000 });
  await registry.recordApplied([later]);
  const account = async (): Promise<unknown> =>
    (await registry.list(0)).map(({ appliedRecords, lostRecords, appliedSinceMs }) => [
      appliedRecords,
      lostRecords,
      appliedSinceMs,
    ]);
  await until("the gap is counted", async () => JSON.stringify(await account()) === "[[3,40,5000]]");
  await registry.recordApplied([earlier, later]);
  expect(await account()).toEqual([[4, 40, 4000]]);
  await connection.command(["FLUSHALL"]);
  await connection.renewState();
  await registry.recordApplied([later]);
  await until("the gap is back", async () => JSON.stringify(await account()) === "[[3,40,5000]]");
  await registry.recordApplied([later, earlier]);
  expect(await account()).toEqual([[4, 40, 4000]]);
  await registry.close();
});

it("a sensor that invents epochs costs little, and every key ends by itself", async () => {
  const totals = new RedisSensorTotals(connection);
  for (let round = 0; round < 6; round++)
    await totals.addBatches(
      Array.from({ length: 500 }, (_, i) =>
        buildApplied({ epoch: (round * 500 + i).toString(16).padStart(32, "0"), sequence: 1 + i * 1e9 }),
      ),
    );
  expect(totals.counters.accountsDropped).toBe(3000 - 512);
  expect(Number(await connection.command(["DBSIZE"]))).toBeLessThan(530);
  const keys = (await connection.command(["KEYS", "picket:{sensors}:seen:*"])) as Buffer[];
  const lives = await Promise.all(keys.map((key) => connection.command(["TTL", key])));
  expect(Math.min(...lives.map(Number))).toBeGreaterThan(8 * 86_400);
});
