import { redisScript } from "./redis-connection.js";
import type { RedisConnection, RedisReply } from "./redis-connection.js";

/** An incident's last state: its bytes and the sequence of the event that said so. */
export interface StoredIncident {
  readonly id: string;
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** What changed since a position, and how far the state has come. */
export interface IncidentChanges {
  /** Identity of the event log that the state is the fold of; "" when there is no state. */
  readonly log: string;
  /** Sequence of the last event that is folded. */
  readonly appliedSequence: number;
  /** Changes with every removal: a copy must then be read anew. */
  readonly removals: number;
  readonly changed: readonly StoredIncident[];
}

/** One hash tag, so that a script may touch all three on a cluster. */
const stateKey = "picket:{incidents}:state";
const orderKey = "picket:{incidents}:order";
const metaKey = "picket:{incidents}:meta";
const keys = [stateKey, orderKey, metaKey];

const pageIncidents = 200;

/** KEYS meta; ARGV fence. 1, or 0 when a higher fence was seen. */
const claimFenceScript = redisScript(`
local seen = tonumber(redis.call('HGET', KEYS[1], 'fence') or '0')
if tonumber(ARGV[1]) < seen then return 0 end
redis.call('HSET', KEYS[1], 'fence', ARGV[1])
return 1`);

/**
 * KEYS state, order, meta; ARGV log, sequence after which the caller knows every
 * event, sequence of its last event, then sequence, id, bytes of each incident.
 * 0 when the state has not come that far: it would keep a hole. The higher
 * sequence wins, so writing again changes nothing. With another log than before,
 * what is known stays, older than everything new.
 */
const writeScript = redisScript(`
local isSame = redis.call('HGET', KEYS[3], 'log') == ARGV[1]
local applied = isSame and tonumber(redis.call('HGET', KEYS[3], 'applied')) or 0
if applied < tonumber(ARGV[2]) then return 0 end
if not isSame then
  redis.call('ZUNIONSTORE', KEYS[2], 1, KEYS[2], 'WEIGHTS', 0)
  redis.call('HSET', KEYS[3], 'log', ARGV[1], 'applied', '0')
end
for i = 4, #ARGV, 3 do
  local known = redis.call('ZSCORE', KEYS[2], ARGV[i + 1])
  if not known or tonumber(known) < tonumber(ARGV[i]) then
    redis.call('HSET', KEYS[1], ARGV[i + 1], ARGV[i + 2])
    redis.call('ZADD', KEYS[2], ARGV[i], ARGV[i + 1])
  end
end
if tonumber(ARGV[3]) > applied then redis.call('HSET', KEYS[3], 'applied', ARGV[3]) end
return 1`);

/**
 * KEYS state, order, meta; ARGV lowest score, highest score, most incidents (-1
 * all). log, applied, removals, then id, sequence, bytes of each, in order.
 */
const changesScript = redisScript(`
local reply = redis.call('HMGET', KEYS[3], 'log', 'applied', 'removals')
for i = 1, 3 do reply[i] = reply[i] or '' end
local found = redis.call('ZRANGEBYSCORE', KEYS[2], ARGV[1], ARGV[2], 'WITHSCORES', 'LIMIT', 0, ARGV[3])
for i = 1, #found, 2 do
  reply[#reply + 1] = found[i]
  reply[#reply + 1] = found[i + 1]
  reply[#reply + 1] = redis.call('HGET', KEYS[1], found[i]) or ''
end
return reply`);

/** KEYS state, order, meta; ARGV ids. */
const removeScript = redisScript(`
for i = 1, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[i])
  redis.call('ZREM', KEYS[2], ARGV[i])
end
return redis.call('HINCRBY', KEYS[3], 'removals', 1)`);

/**
 * The incidents' current state in Redis, a fold of the event log: incidents by
 * id, the order in which they changed, and how far the fold has come. Whoever
 * keeps a copy asks only for what changed since. Every method throws PicketError
 * SERVER_UNREACHABLE while Redis is away.
 */
export class RedisIncidentState {
  constructor(private readonly redis: RedisConnection) {}

  /** False when a higher fence was already seen. */
  async claimFence(fence: number): Promise<boolean> {
    return (await this.redis.run(claimFenceScript, [metaKey], [String(fence)])) === 1;
  }

  /**
   * Folds in the last states of every incident with an event after
   * `afterSequence` up to `lastSequence`. False when the state has not come to
   * `afterSequence`, for example since Redis lost it.
   */
  async write(
    log: string,
    afterSequence: number,
    lastSequence: number,
    incidents: readonly StoredIncident[],
  ): Promise<boolean> {
    for (let from = 0; from === 0 || from < incidents.length; from += pageIncidents) {
      const isLast = from + pageIncidents >= incidents.length;
      const words: (string | Buffer)[] = [log, String(afterSequence), String(isLast ? lastSequence : 0)];
      for (const { id, sequence, bytes } of incidents.slice(from, from + pageIncidents))
        words.push(String(sequence), id, Buffer.from(bytes));
      if ((await this.redis.run(writeScript, keys, words)) !== 1) return false;
    }
    return true;
  }

  /** Incidents that changed after a sequence, oldest first; all of them after -1. */
  async changesAfter(sequence: number): Promise<IncidentChanges> {
    const changed: StoredIncident[] = [];
    if (sequence < 0) changed.push(...(await this.#page("-inf", "0", -1)).changed);
    for (let after = Math.max(0, sequence); ; after = changed[changed.length - 1].sequence) {
      const page = await this.#page(`(${after}`, "+inf", pageIncidents);
      changed.push(...page.changed);
      if (page.changed.length < pageIncidents) return { ...page, changed };
    }
  }

  async remove(ids: readonly string[]): Promise<void> {
    for (let from = 0; from < ids.length; from += 1000)
      await this.redis.run(removeScript, keys, ids.slice(from, from + 1000));
  }

  async #page(lowest: string, highest: string, incidentsMax: number): Promise<IncidentChanges> {
    const reply = await this.redis.run(changesScript, keys, [lowest, highest, String(incidentsMax)]);
    const words = Array.isArray(reply) ? reply : [];
    const changed: StoredIncident[] = [];
    for (let i = 3; i < words.length; i += 3)
      changed.push({
        id: String(words[i]),
        sequence: Number(String(words[i + 1])),
        bytes: bytesOf(words[i + 2]),
      });
    const [log, applied, removals] = words.map(String);
    return { log, appliedSequence: Number(applied), removals: Number(removals), changed };
  }
}

function bytesOf(reply: RedisReply): Uint8Array {
  return Buffer.isBuffer(reply) ? reply : new Uint8Array();
}
