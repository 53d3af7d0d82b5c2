import type {
  AppliedBatch,
  AppliedFloor,
  RejectedBatch,
  ReportedGap,
  SensorEpoch,
} from "../../sensors/batch-account.js";
import { coversSequences, gapIdentity } from "../../sensors/batch-account.js";
import { segmentSequences } from "../../sensors/sequence-set.js";
import { redisScript } from "./redis-connection.js";
import type { RedisConnection, RedisReply } from "./redis-connection.js";
import { appliedFloorsLua, countBatchesLua, countGapsLua, countRejectedLua } from "./sensor-totals-lua.js";

/** Records of one sensor. */
export interface SensorTotals {
  readonly applied: number;
  readonly lost: number;
  /** When the earliest batch that is counted was stored, milliseconds; 0 when none is. */
  readonly sinceMs: number;
  /** Messages set aside, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Within the last minute the stream dropped batches that were not applied. */
  readonly isOverQuota: boolean;
}

const prefix = "picket:{sensors}:";
const keys = {
  applied: `${prefix}applied`,
  lost: `${prefix}lost`,
  since: `${prefix}since`,
  rejected: `${prefix}rejected`,
  rejections: `${prefix}rejections`,
  overQuota: `${prefix}over-quota`,
};
/** A day more than the stream keeps a batch that could be delivered again. */
const timeToLiveSeconds = String(9 * 86_400);
const keptKeysMax = "512";
const keptGapsMax = "1024";
const keptRejectionsMax = "100000";
const thingsAtOnce = 500;
const overQuotaSeconds = "60";
/** Just under a second, so that one look each second finds the claim gone. */
const claimMs = "900";

const countBatches = redisScript(countBatchesLua);
const countGaps = redisScript(countGapsLua);
const countRejected = redisScript(countRejectedLua);
const readFloors = redisScript(appliedFloorsLua);

/**
 * What every sensor's records came to, over all correlators. A batch is a bit in
 * a bitmap of its epoch and counts when the bit is set for the first time: in
 * any order, however often, and by whomever it is reported. The sums start at
 * zero when Redis was emptied (`sinceMs` says so), and a replay of the stream
 * brings back what it still holds.
 */
export class RedisSensorTotals {
  /** Bitmaps and gaps of sensors that had too many: their batches may count again. */
  readonly counters = { accountsDropped: 0 };

  constructor(private readonly redis: RedisConnection) {}

  /** Changes when the sums may be gone. */
  get stateEpoch(): number {
    return this.redis.stateEpoch;
  }

  /** Resolves when they are counted; throws when nobody knows, and it may be done again. */
  async addBatches(batches: readonly AppliedBatch[]): Promise<void> {
    for (const some of chunks(batches))
      this.noteDropped(
        await this.redis.run(
          countBatches,
          [keys.applied, keys.since],
          [prefix, timeToLiveSeconds, keptKeysMax, ...batchWords(some)],
        ),
      );
  }

  async addGaps(gaps: readonly ReportedGap[]): Promise<void> {
    for (const some of chunks(gaps))
      this.noteDropped(
        await this.redis.run(
          countGaps,
          [keys.lost],
          [prefix, timeToLiveSeconds, keptKeysMax, keptGapsMax, ...some.flatMap(gapWords)],
        ),
      );
  }

  async addRejected(batches: readonly RejectedBatch[]): Promise<void> {
    for (const some of chunks(batches))
      await this.redis.run(
        countRejected,
        [keys.rejected, keys.rejections],
        [
          keptRejectionsMax,
          ...some.flatMap(({ sensor, reason, identity }) => [`${sensor} ${reason}`, identity]),
        ],
      );
  }

  /** Records lost within this process, which says so once. */
  async addLost(sensor: string, records: number): Promise<void> {
    await this.redis.command(["HINCRBY", keys.lost, sensor, String(records)]);
  }

  async noteOverQuota(sensors: readonly string[]): Promise<void> {
    await this.redis.command(["SADD", keys.overQuota, ...sensors]);
    await this.redis.command(["EXPIRE", keys.overQuota, overQuotaSeconds]);
  }

  async read(): Promise<Map<string, SensorTotals>> {
    const [applied, lost, since, rejected] = await Promise.all(
      [keys.applied, keys.lost, keys.since, keys.rejected].map(async (key) =>
        pairs(await this.redis.command(["HGETALL", key])),
      ),
    );
    const rejectedOf = rejectedBySensor(rejected);
    const over = await this.redis.command(["SMEMBERS", keys.overQuota]);
    const overQuota = new Set(Array.isArray(over) ? over.map(String) : []);
    const names = new Set([...applied.keys(), ...lost.keys(), ...rejectedOf.keys()]);
    return new Map(
      [...names].map((name) => [
        name,
        {
          applied: applied.get(name) ?? 0,
          lost: lost.get(name) ?? 0,
          sinceMs: since.get(name) ?? 0,
          rejected: rejectedOf.get(name) ?? {},
          isOverQuota: overQuota.has(name),
        },
      ]),
    );
  }

  /** The floors of those epochs that no correlator looked at within the last second. */
  async floors(epochs: readonly SensorEpoch[]): Promise<AppliedFloor[]> {
    const found: AppliedFloor[] = [];
    for (const some of chunks(epochs)) {
      const words = some.flatMap(({ sensor, epoch }) => [sensor, epoch]);
      const reply = await this.redis.run(
        readFloors,
        [keys.applied],
        [prefix, timeToLiveSeconds, claimMs, ...words],
      );
      const floors = Array.isArray(reply) ? reply : [];
      const timeMs = Number(floors[some.length]);
      for (const [i, { sensor, epoch }] of some.entries())
        if (floors[i] !== null) found.push({ sensor, epoch, floorSequence: Number(floors[i]), timeMs });
    }
    return found;
  }

  private noteDropped(reply: RedisReply): void {
    if (Array.isArray(reply)) this.counters.accountsDropped += Number(reply[1]);
  }
}

function* chunks<T>(things: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < things.length; from += thingsAtOnce)
    yield things.slice(from, from + thingsAtOnce);
}

/** Batches by epoch, in the order of the script's arguments. */
function batchWords(batches: readonly AppliedBatch[]): string[] {
  const epochs = new Map<string, AppliedBatch[]>();
  for (const batch of batches) {
    const id = `${batch.sensor}:${batch.epoch}`;
    const known = epochs.get(id);
    if (known === undefined) epochs.set(id, [batch]);
    else known.push(batch);
  }
  return [...epochs.values()].flatMap((some) => {
    const [{ sensor, epoch }] = some;
    const earliestMs = some.reduce((least, { ingestMs }) => Math.min(least, ingestMs), Infinity);
    return [sensor, epoch, String(Math.floor(earliestMs)), String(some.length), ...some.flatMap(placeWords)];
  });
}

function placeWords({ sequence, records }: AppliedBatch): string[] {
  const index = sequence - 1;
  return [String(Math.floor(index / segmentSequences)), String(index % segmentSequences), String(records)];
}

function gapWords(gap: ReportedGap): string[] {
  const isCovering = coversSequences(gap);
  return [
    gap.sensor,
    gap.epoch,
    gapIdentity(gap),
    String(gap.records),
    isCovering ? String(gap.firstSequence) : "0",
    isCovering ? String(gap.lastSequence) : "0",
  ];
}

function pairs(reply: RedisReply): Map<string, number> {
  const words = Array.isArray(reply) ? reply.map(String) : [];
  const found = new Map<string, number>();
  for (let i = 0; i + 1 < words.length; i += 2)
    found.set(words[i], Math.min(Number(words[i + 1]), Number.MAX_SAFE_INTEGER));
  return found;
}

/** From "name reason". */
function rejectedBySensor(counts: ReadonlyMap<string, number>): Map<string, Record<string, number>> {
  const found = new Map<string, Record<string, number>>();
  for (const [field, count] of counts) {
    const [name, reason] = field.split(" ");
    const known = found.get(name) ?? {};
    known[reason] = count;
    found.set(name, known);
  }
  return found;
}
