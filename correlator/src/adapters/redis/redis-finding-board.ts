import type { Fold, FoldChange } from "../../incidents/fold.js";
import type { BoardEntry, FindingBoard, FoldSaving } from "../../incidents/incident-store.js";
import { partitionCount } from "../../windows/window-store.js";
import { redisScript, type RedisConnection } from "./redis-connection.js";
import { RedisFold } from "./redis-fold.js";
import { bytes, list } from "./redis-reply.js";

/** Stream of findings. */
export const boardLogKey = "picket:{board}:log";
/** Hash partition to closed time; absent while the windows are rebuilt. */
export const closedKey = "picket:{board}:closed";

const emptyClosing = ["", "", ""];
/** Of the log: when it holds more its older half goes. */
const bytesMax = 24 * 1024 * 1024;

/**
 * Appends entries and raises the closed times, both or neither.
 * KEYS: log, closed. ARGV: entries and bytes kept about, then for each entry its text,
 *   partition, closed time and expected closed time ("" where there is none).
 * Returns 1, or 0 when a partition is not closed as expected.
 */
const postScript = redisScript(`
for i = 3, #ARGV, 4 do
  if ARGV[i + 3] ~= '' and redis.call('HGET', KEYS[2], ARGV[i + 1]) ~= ARGV[i + 3] then return 0 end
end
for i = 3, #ARGV, 4 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'e', ARGV[i])
  if ARGV[i + 1] ~= '' then
    local known = tonumber(redis.call('HGET', KEYS[2], ARGV[i + 1]) or '0')
    if known < tonumber(ARGV[i + 2]) then redis.call('HSET', KEYS[2], ARGV[i + 1], ARGV[i + 2]) end
  end
end
local now = redis.call('TIME')
redis.call('XTRIM', KEYS[1], 'MINID', '~', string.format('%d', (now[1] - 1800) * 1000))
if (redis.call('MEMORY', 'USAGE', KEYS[1]) or 0) > tonumber(ARGV[2]) then
  redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', math.floor(redis.call('XLEN', KEYS[1]) / 2))
end
redis.call('EXPIRE', KEYS[1], 604800)
redis.call('EXPIRE', KEYS[2], 604800)
return 1
`);

/**
 * The board of all correlators of one Redis: a stream of the last half hour,
 * about `entriesMax` entries and 24 MiB at most. Whoever takes the grouping over needs the
 * findings of open slices only; older ones are in the fold.
 */
export class RedisFindingBoard implements FindingBoard {
  private readonly fold: RedisFold;

  constructor(
    private readonly connection: RedisConnection,
    private readonly entriesMax = 100_000,
  ) {
    this.fold = new RedisFold(connection);
  }

  async post(entries: readonly BoardEntry[]): Promise<boolean> {
    if (entries.length === 0) return true;
    const words = entries.flatMap((entry) => {
      const closing =
        entry.kind === "closed" ? [entry.partition, entry.untilMs, entry.afterMs ?? ""] : emptyClosing;
      return [JSON.stringify(entry), ...closing.map(String)];
    });
    return (
      (await this.connection.run(
        postScript,
        [boardLogKey, closedKey],
        [String(this.entriesMax), String(bytesMax), ...words],
      )) === 1
    );
  }

  /** The position is the id of a stream entry. */
  async read(
    position: string,
    entriesMax: number,
    untilPosition = "+",
  ): Promise<{ entries: BoardEntry[]; position: string }> {
    if (untilPosition === "") return { entries: [], position };
    const from = position === "" ? "-" : `(${position}`;
    const reply = list(
      await this.connection.command([
        "XRANGE",
        boardLogKey,
        from,
        untilPosition,
        "COUNT",
        String(entriesMax),
      ]),
    );
    const entries: BoardEntry[] = [];
    let last = position;
    for (const item of reply) {
      const [id, fields] = list(item);
      last = bytes(id).toString("latin1");
      entries.push(JSON.parse(bytes(list(fields)[1]).toString()) as BoardEntry);
    }
    return { entries, position: last };
  }

  async closedUntil(): Promise<Float64Array> {
    const reply = list(await this.connection.command(["HGETALL", closedKey]));
    const closed = new Float64Array(partitionCount);
    for (let at = 0; at < reply.length; at += 2)
      closed[Number(bytes(reply[at]).toString())] = Number(bytes(reply[at + 1]).toString());
    return closed;
  }

  loadFold(): Promise<Fold | undefined> {
    return this.fold.load();
  }

  saveFold(change: FoldChange, fence: number): Promise<FoldSaving> {
    return this.fold.save(change, fence);
  }

  /** The connection belongs to whoever made it. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
