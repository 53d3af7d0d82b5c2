import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisRebuildLedger } from "@picket/correlator/adapters/redis/redis-rebuild-ledger.js";
import { mayConfirm, type RebuildState } from "@picket/correlator/rebuild/rebuild-ledger.js";

import { failedBy, passed, warned, type Check, type OnCheck } from "./check.js";

const connectTimeoutMs = 5000;
const mebibyte = 2 ** 20;
/** Beyond this share of its memory Redis soon refuses what correlators write. */
const memoryShareMax = 0.8;
/** Batches are corrected for clocks that are off by more. */
const clockSkewMaxMs = 2000;

/** Redis: that it answers, keeps what it is given, has room and holds the windows. */
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
    onCheck(checkWindows(await new RedisRebuildLedger(redis).read(), Date.now()));
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

/** Whether the windows hold everything, and how far they are rebuilt when they were lost. */
function checkWindows(state: RebuildState | undefined, nowMs: number): Check {
  const name = "redis windows";
  if (state === undefined)
    return warned(name, "empty: no correlator of this version filled them yet", "start a correlator");
  if (state.phase === "ready") return passed(name, "complete");
  const done = `${Math.floor(state.progress * 100)} % of the ${state.phase} part`;
  const seconds = Math.max(0, Math.round((nowMs - state.startedMs) / 1000));
  const held = mayConfirm(state.phase) ? "" : "; nothing is confirmed or retracted meanwhile";
  return warned(name, `rebuilt since ${seconds} s, ${done}${held}`, "wait, and look again");
}

function checkClock(reply: unknown, nowMs: number): Check {
  const [seconds, micros] = Array.isArray(reply) ? reply.map((word) => Number(String(word))) : [0, 0];
  const skewMs = Math.round(seconds * 1000 + micros / 1000 - nowMs);
  const name = "redis clock";
  const detail = `${skewMs} ms from the clock here`;
  if (Math.abs(skewMs) <= clockSkewMaxMs) return passed(name, detail);
  return warned(name, detail, "let every host keep time by NTP");
}
