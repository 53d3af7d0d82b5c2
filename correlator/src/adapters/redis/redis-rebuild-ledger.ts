import type { RebuildLedger, RebuildPhase, RebuildState } from "../../rebuild/rebuild-ledger.js";
import { rebuildPhases } from "../../rebuild/rebuild-ledger.js";
import { partitionCount } from "../../windows/window-store.js";
import { redisScript, type RedisConnection, type RedisReply } from "./redis-connection.js";
import { boardLogKey, closedKey } from "./redis-finding-board.js";
import { bytes, list } from "./redis-reply.js";
import { layoutVersion } from "./window-log/log-keys.js";

const stateKey = "picket:{rebuild}:state";
/** One in every partition's slot, so that the loss of one shard shows. */
const aliveKeys = Array.from(
  { length: partitionCount },
  (_, partition) => `picket:{p${String(partition).padStart(2, "0")}}:alive`,
);
const boardAliveKey = "picket:{board}:alive";

/** KEYS state; ARGV generation, then field and value of each change. 1, or 0 in another generation. */
const advanceScript = redisScript(`
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1`);

/** KEYS closed times, mark of the board; ARGV generation, closed time, partitions. 1, or 0 in another generation. */
const openScript = redisScript(`
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
for partition = 0, ARGV[3] - 1 do redis.call('HSET', KEYS[1], partition, ARGV[2]) end
redis.call('EXPIRE', KEYS[1], 604800)
return 1`);

/**
 * The ledger in Redis: a hash with the state, and the generation's name beside
 * every partition and the board. Where one of them is missing or differs, the
 * windows are lost; so they are to a version with another layout of the keys.
 */
export class RedisRebuildLedger implements RebuildLedger {
  private known = "";

  constructor(
    private readonly connection: RedisConnection,
    private readonly layout = layoutVersion,
  ) {}

  get epoch(): number {
    return this.connection.stateEpoch;
  }

  async phase(): Promise<RebuildPhase> {
    return (await this.readState())?.phase ?? "lost";
  }

  async read(): Promise<RebuildState | undefined> {
    if (!(await this.connection.isSameState())) await this.connection.renewState();
    const [state, ...marks] = await Promise.all([
      this.readState(),
      ...[...aliveKeys, boardAliveKey].map((key) => this.connection.command(["GET", key])),
    ]);
    if (state === undefined) return undefined;
    const isWhole = marks.every((mark) => Buffer.isBuffer(mark) && mark.toString() === state.generation);
    if (isWhole) await this.follow(state.generation);
    return isWhole ? state : undefined;
  }

  async begin(state: RebuildState): Promise<void> {
    await this.connection.command(["DEL", stateKey]);
    await this.connection.command(["DEL", boardLogKey, closedKey]);
    for (const key of [...aliveKeys, boardAliveKey])
      await this.connection.command(["SET", key, state.generation]);
    await this.connection.command(["HSET", stateKey, ...words(state), "layout", this.layout]);
    await this.follow(state.generation);
  }

  async advance(generation: string, change: Partial<Omit<RebuildState, "generation">>): Promise<boolean> {
    return (await this.connection.run(advanceScript, [stateKey], [generation, ...words(change)])) === 1;
  }

  async openSlices(generation: string, closedUntilMs: number): Promise<boolean> {
    const reply = await this.connection.run(
      openScript,
      [closedKey, boardAliveKey],
      [generation, String(closedUntilMs), String(partitionCount)],
    );
    return reply === 1;
  }

  private async readState(): Promise<RebuildState | undefined> {
    return parseState(await this.connection.command(["HGETALL", stateKey]), this.layout);
  }

  /** What this process remembers as written belongs to another life of the windows. */
  private async follow(generation: string): Promise<void> {
    if (this.known === generation) return;
    if (this.known !== "") await this.connection.renewState();
    this.known = generation;
  }
}

function words(change: Partial<RebuildState>): string[] {
  return Object.entries(change).flatMap(([name, value]) => [name, String(value)]);
}

function parseState(reply: RedisReply, layout: string): RebuildState | undefined {
  const words = list(reply).map((word) => bytes(word).toString());
  const fields = new Map<string, string>();
  for (let at = 0; at < words.length; at += 2) fields.set(words[at], words[at + 1]);
  const phase = rebuildPhases.find((phase) => phase === fields.get("phase"));
  if (phase === undefined || phase === "lost" || fields.get("layout") !== layout) return undefined;
  return {
    generation: fields.get("generation") ?? "",
    phase,
    progress: Number(fields.get("progress")),
    startedMs: Number(fields.get("startedMs")),
    log: fields.get("log") ?? "",
    floor: Number(fields.get("floor")),
  };
}
