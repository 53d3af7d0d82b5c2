import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";

import { failedBy, passed, warned, type Check, type OnCheck } from "./check.js";

const connectTimeoutMs = 5000;
const mebibyte = 2 ** 20;
/** Beyond this share of its memory Redis soon refuses what correlators write. */
const memoryShareMax = 0.8;
/** Batches are corrected for clocks that are off by more. */
const clockSkewMaxMs = 2000;

/** Redis: that it answers, keeps what it is given, and has room. */
export async function checkRedis(url: string, onCheck: OnCheck): Promise<void> {
  let version = "";
  const redis = new RedisConnection({
    url,
    onState: (state) => {
      if (state.state === "up") version = state.version;
    },
  });
  try {
    redis.start();
    await redis.whenUp(connectTimeoutMs);
    onCheck(passed("redis", `redis ${version} answers and evicts nothing`));
    onCheck(checkMemory(String(await redis.command(["INFO", "memory"]))));
    onCheck(checkClock(await redis.command(["TIME"]), Date.now()));
  } catch (error) {
    onCheck(failedBy("redis", error, "start redis-server with maxmemory-policy noeviction, or give --redis"));
  } finally {
    await redis.close();
  }
}

function checkMemory(info: string): Check {
  const field = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1] ?? 0);
  const [used, most] = [field("used_memory"), field("maxmemory")];
  const name = "redis memory";
  const size = `${(used / mebibyte).toFixed(1)} MiB used`;
  if (most === 0)
    return warned(
      name,
      `${size}, without a limit`,
      "set maxmemory, so that Redis does not take the host down",
    );
  const detail = `${size} of ${(most / mebibyte).toFixed(0)} MiB`;
  return used > memoryShareMax * most ? warned(name, detail, "raise maxmemory") : passed(name, detail);
}

function checkClock(reply: unknown, nowMs: number): Check {
  const [seconds, micros] = Array.isArray(reply) ? reply.map((word) => Number(String(word))) : [0, 0];
  const skewMs = Math.round(seconds * 1000 + micros / 1000 - nowMs);
  const name = "redis clock";
  const detail = `${skewMs} ms from the clock here`;
  if (Math.abs(skewMs) <= clockSkewMaxMs) return passed(name, detail);
  return warned(name, detail, "let every host keep time by NTP");
}
