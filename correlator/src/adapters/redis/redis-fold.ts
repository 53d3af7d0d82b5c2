import type { Fold, FoldChange, FoldedIncident } from "../../incidents/fold.js";
import type { FoldSaving } from "../../incidents/incident-store.js";
import { redisScript, type RedisConnection } from "./redis-connection.js";
import { bytes, list } from "./redis-reply.js";

/** Hash of the fold: its incidents by id, and two fields that no id is like. */
const foldKey = "picket:{board}:fold";
const headField = "head";
const fenceField = "fence";
/** Changes with what a fold holds: one of another version counts as lost. */
const version = 1;

/**
 * KEYS: fold. ARGV: fence, "1" for a whole fold, head, number removed, the
 * removed, then id and text of each incident.
 */
const saveScript = redisScript(`
local fence = tonumber(redis.call('HGET', KEYS[1], '${fenceField}') or '-1')
local own = tonumber(ARGV[1])
if own < fence then return 0 end
if ARGV[2] == '1' then redis.call('DEL', KEYS[1]) elseif own ~= fence then return 2 end
redis.call('HSET', KEYS[1], '${fenceField}', ARGV[1], '${headField}', ARGV[3])
local first = 5 + tonumber(ARGV[4])
for i = 5, first - 1 do redis.call('HDEL', KEYS[1], ARGV[i]) end
for i = first, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[1], 1209600)
return 1
`);

const savings: readonly FoldSaving[] = ["refused", "saved", "absent"];

/** What of a fold is no incident. */
interface FoldHead extends Pick<Fold, "bursts" | "position"> {
  readonly version: number;
  /** Null for Infinity. */
  readonly foldedUntilMs: number | null;
}

/** The grouping's fold in Redis, written incident by incident as they change. */
export class RedisFold {
  constructor(private readonly connection: RedisConnection) {}

  async save(change: FoldChange, fence: number): Promise<FoldSaving> {
    const { isWhole, foldedUntilMs, position, bursts, removed, incidents } = change;
    const reply = await this.connection.run(
      saveScript,
      [foldKey],
      [
        String(fence),
        isWhole ? "1" : "0",
        JSON.stringify({ version, foldedUntilMs, position, bursts }),
        String(removed.length),
        ...removed,
        ...incidents.flatMap((incident) => [incident.draft.plain.id, JSON.stringify(incident)]),
      ],
    );
    return savings[Number(reply)];
  }

  async load(): Promise<Fold | undefined> {
    const held = new Map<string, string>();
    // In one command: incidents of one fold with the head of another would be folded twice.
    const texts = list(await this.connection.command(["HGETALL", foldKey])).map((field) =>
      bytes(field).toString(),
    );
    for (let at = 0; at < texts.length; at += 2) held.set(texts[at], texts[at + 1]);
    const head = held.get(headField);
    if (head === undefined) return undefined;
    const { foldedUntilMs, position, bursts, version: stored } = JSON.parse(head) as FoldHead;
    if (stored !== version) return undefined;
    held.delete(headField);
    held.delete(fenceField);
    const incidents = [...held.values()].map((text) => JSON.parse(text) as FoldedIncident);
    return { foldedUntilMs: foldedUntilMs ?? Infinity, position, bursts, incidents };
  }
}
