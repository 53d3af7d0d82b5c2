import type { Lease, Leases } from "../../incidents/leases.js";
import { redisScript, type RedisConnection } from "./redis-connection.js";

/**
 * Grants a lease.
 * KEYS: lease, last fence. ARGV: time to live in milliseconds.
 * Returns the fence, or 0 while someone holds the lease. A fence is at least the
 * server's clock in milliseconds, so that it also grows when Redis lost the last one.
 */
const acquireScript = redisScript(`
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fence = math.max(now, tonumber(redis.call('GET', KEYS[2]) or '0') + 1)
redis.call('SET', KEYS[1], fence, 'PX', ARGV[1])
redis.call('SET', KEYS[2], fence, 'EX', 86400)
return fence
`);

/** KEYS: lease. ARGV: fence, time to live in milliseconds. Returns 1 when it was still held. */
const renewScript = redisScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`);

/** KEYS: lease. ARGV: fence. Returns 1 when it was still held. */
const releaseScript = redisScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`);

/** Leases among all correlators of one Redis; its clock alone decides when one ends. */
export class RedisLeases implements Leases {
  constructor(private readonly connection: RedisConnection) {}

  async acquire(name: string, ttlMs: number): Promise<Lease | undefined> {
    const key = `picket:{lease:${name}}`;
    const reply = await this.connection.run(acquireScript, [key, `${key}:fence`], [String(Math.ceil(ttlMs))]);
    const fence = Number(reply);
    return fence === 0 ? undefined : this.lease(name, key, fence, ttlMs);
  }

  private lease(name: string, key: string, fence: number, ttlMs: number): Lease {
    const held = String(fence);
    return {
      name,
      fence,
      renew: async () =>
        (await this.connection.run(renewScript, [key], [held, String(Math.ceil(ttlMs))])) === 1,
      release: async () => {
        await this.connection.run(releaseScript, [key], [held]);
      },
    };
  }
}
