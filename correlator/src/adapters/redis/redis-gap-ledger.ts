import { gapIdentity, type ReportedGap } from "../../sensors/batch-account.js";
import type { GapLedger } from "../../sensors/gap-ledger.js";
import { redisScript } from "./redis-connection.js";
import type { RedisConnection } from "./redis-connection.js";

const gapsKey = "picket:{sensors}:gap-ledger";
const keptMs = 8 * 86_400_000;
const gapsMax = 20_000;
const gapsPerPage = 1000;
/** Read again, for what was written in the same moment. */
const overlapMs = 1000;

/** KEYS gaps; ARGV milliseconds kept, most gaps, then gaps as words. In the order of Redis' own clock. */
const recordScript = redisScript(`
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], 'NX', nowMs, ARGV[i]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', nowMs - ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1`);

/** Gaps in one sorted set, shared by all correlators; gone with Redis, and back when the stream is replayed. */
export class RedisGapLedger implements GapLedger {
  constructor(private readonly redis: RedisConnection) {}

  async record(gaps: readonly ReportedGap[]): Promise<void> {
    for (let from = 0; from < gaps.length; from += gapsPerPage) {
      const words = gaps.slice(from, from + gapsPerPage).map((gap) => `${gap.sensor}:${gapIdentity(gap)}`);
      await this.redis.run(recordScript, [gapsKey], [String(keptMs), String(gapsMax), ...words]);
    }
  }

  async read(position: string): Promise<{ gaps: ReportedGap[]; position: string }> {
    const from = position === "" ? "-inf" : String(Number(position) - overlapMs);
    const gaps: ReportedGap[] = [];
    let last = position;
    for (let offset = 0; ; offset += gapsPerPage) {
      const words = await this.#page(from, offset);
      for (let i = 0; i + 1 < words.length; i += 2) {
        gaps.push(gapOfWord(words[i]));
        last = words[i + 1];
      }
      if (words.length < 2 * gapsPerPage) return { gaps, position: last };
    }
  }

  async #page(from: string, offset: number): Promise<string[]> {
    const limit = ["LIMIT", String(offset), String(gapsPerPage)];
    const reply = await this.redis.command(["ZRANGEBYSCORE", gapsKey, from, "+inf", "WITHSCORES", ...limit]);
    return Array.isArray(reply) ? reply.map(String) : [];
  }
}

/** A gap is all in its identity. */
function gapOfWord(word: string): ReportedGap {
  const [sensor, epoch, first, last, reason, fromMs, toMs, records, packets, bytes] = word.split(":");
  return {
    sensor,
    epoch,
    firstSequence: Number(first),
    lastSequence: Number(last),
    reason,
    fromMs: Number(fromMs),
    toMs: Number(toMs),
    records: Number(records),
    packets: Number(packets),
    bytes: Number(bytes),
  };
}
