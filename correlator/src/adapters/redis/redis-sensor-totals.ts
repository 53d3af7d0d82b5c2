import { redisScript } from "./redis-connection.js";
import type { RedisConnection, RedisReply } from "./redis-connection.js";

/** Records of one sensor, for ever or since the last flush. */
export interface SensorTotals {
  readonly applied: number;
  readonly lost: number;
}

const appliedKey = "picket:{sensors}:applied";
const lostKey = "picket:{sensors}:lost";
const sensorsAtOnce = 500;

/** KEYS applied, lost; ARGV name, applied, lost of each sensor. */
const addScript = redisScript(`
for i = 1, #ARGV, 3 do
  redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
  redis.call('HINCRBY', KEYS[2], ARGV[i], ARGV[i + 2])
end
return 1`);

/**
 * What every sensor's records came to, summed over all correlators. The sums
 * start at zero when Redis was emptied.
 */
export class RedisSensorTotals {
  constructor(private readonly redis: RedisConnection) {}

  /** Adds at least once: an answer that is lost on the way may count twice. */
  async add(totals: ReadonlyMap<string, SensorTotals>): Promise<void> {
    const words = [...totals].map(([name, { applied, lost }]) => [name, String(applied), String(lost)]);
    for (let from = 0; from < words.length; from += sensorsAtOnce)
      await this.redis.run(addScript, [appliedKey, lostKey], words.slice(from, from + sensorsAtOnce).flat());
  }

  async read(): Promise<Map<string, SensorTotals>> {
    const [applied, lost] = await Promise.all(
      [appliedKey, lostKey].map((key) => this.redis.command(["HGETALL", key])),
    );
    const lostOf = pairs(lost);
    return new Map(
      [...pairs(applied)].map(([name, count]) => [name, { applied: count, lost: lostOf.get(name) ?? 0 }]),
    );
  }
}

function pairs(reply: RedisReply): Map<string, number> {
  const words = Array.isArray(reply) ? reply.map(String) : [];
  const found = new Map<string, number>();
  for (let i = 0; i + 1 < words.length; i += 2) found.set(words[i], Number(words[i + 1]));
  return found;
}
