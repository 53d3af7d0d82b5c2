import { MemoryGapLedger } from "@picket/correlator/adapters/memory/memory-gap-ledger.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisGapLedger } from "@picket/correlator/adapters/redis/redis-gap-ledger.js";
import type { ReportedGap } from "@picket/correlator/sensors/batch-account.js";
import type { GapLedger } from "@picket/correlator/sensors/gap-ledger.js";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startRedis, type RedisProcess } from "../servers/redis-server.js";

function gap(firstSequence: number, fields: Partial<ReportedGap> = {}): ReportedGap {
  return {
    sensor: "lab-01",
    epoch: "0a".repeat(16),
    firstSequence,
    lastSequence: firstSequence + 2,
    records: 120,
    packets: 400,
    bytes: 64_000,
    reason: "spool_full",
    fromMs: 1_760_000_000_000.25,
    toMs: 1_760_000_002_000.5,
    ...fields,
  };
}

/** What every ledger of gap records promises. */
function describeGapLedger(name: string, open: () => Promise<GapLedger>): void {
  describe(name, () => {
    let ledger: GapLedger;
    beforeEach(async () => {
      ledger = await open();
    });

    it("is empty at first, and reads from there", async () => {
      const { gaps, position } = await ledger.read("");
      expect(gaps).toEqual([]);
      await ledger.record([gap(1)]);
      expect((await ledger.read(position)).gaps).toEqual([gap(1)]);
    });

    it("gives every gap as it was written, once however often it was", async () => {
      await ledger.record([gap(1), gap(4, { sensor: "lab-02", reason: "crash", records: 0 })]);
      await ledger.record([gap(1)]);
      const { gaps } = await ledger.read("");
      expect(gaps.sort((a, b) => a.firstSequence - b.firstSequence)).toEqual([
        gap(1),
        gap(4, { sensor: "lab-02", reason: "crash", records: 0 }),
      ]);
    });

    it("misses nothing that is written after a position", async () => {
      const seen = new Set<number>();
      let position = "";
      for (let round = 0; round < 20; round++) {
        await ledger.record([gap(1 + round * 2), gap(2 + round * 2)]);
        const read = await ledger.read(position);
        position = read.position;
        for (const { firstSequence } of read.gaps) seen.add(firstSequence);
      }
      expect(seen.size).toBe(40);
    });

    it("reads more than fits one answer", async () => {
      await ledger.record(Array.from({ length: 2500 }, (_, i) => gap(i + 1)));
      const { gaps } = await ledger.read("");
      expect(new Set(gaps.map(({ firstSequence }) => firstSequence)).size).toBe(2500);
    });
  });
}

describeGapLedger("gaps in memory", () => Promise.resolve(new MemoryGapLedger()));

describe("redis", () => {
  let redis: RedisProcess;
  let connection: RedisConnection;
  beforeAll(async () => {
    redis = await startRedis();
    connection = new RedisConnection({ url: redis.url });
    connection.start();
    await connection.whenUp(5000);
  });
  afterAll(async () => {
    await connection.close();
    await redis.stop();
  });

  describeGapLedger("gaps in Redis", async () => {
    await connection.command(["FLUSHALL"]);
    return new RedisGapLedger(connection);
  });

  it("expire, and are bounded", async () => {
    await new RedisGapLedger(connection).record([gap(1)]);
    const lifeMs = Number(await connection.command(["PTTL", "picket:{sensors}:gap-ledger"]));
    expect(lifeMs).toBeGreaterThan(7 * 86_400_000);
    expect(lifeMs).toBeLessThanOrEqual(8 * 86_400_000);
  });
});

it("memory keeps the newest gaps, and a reader goes on from what is left", async () => {
  const ledger = new MemoryGapLedger(3);
  await ledger.record([gap(1), gap(2)]);
  const { position } = await ledger.read("");
  await ledger.record([gap(3), gap(4), gap(5), gap(6)]);
  expect((await ledger.read(position)).gaps.map(({ firstSequence }) => firstSequence)).toEqual([4, 5, 6]);
});
