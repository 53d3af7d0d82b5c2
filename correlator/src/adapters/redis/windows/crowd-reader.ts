import type { AddressKey } from "../../../windows/address-key.js";
import {
  contactSliceMs,
  dayMs,
  hotSourcesMin,
  partitionOf,
  type CrowdKey,
  type CrowdWindow,
  type HotWindow,
} from "../../../windows/window-store.js";
import { redisScript, type RedisConnection } from "../redis-connection.js";
import { bytes, latin1, list } from "../redis-reply.js";
import type { PartitionReads } from "./partition-reads.js";
import {
  crowdBucket,
  crowdFamilies,
  crowdFamily,
  kindLetter,
  markBuckets,
  subjectHash,
  ttlSeconds,
  windowKeys,
  type CrowdFamily,
} from "./window-keys.js";

const slicesPerDay = dayMs / contactSliceMs;
const historyDays = 7;
/** Slices whose records may still be there, before which only the history knows. */
const liveSlices = Math.ceil((ttlSeconds.crowd * 1000) / contactSliceMs);

/**
 * Raises counts in the history: a day's field holds, per slice, one byte of
 * slice number and two of count.
 * KEYS: history bucket. ARGV: seconds to live, then field, slice, count of each.
 */
export const foldScript = redisScript(`
for i = 2, #ARGV, 3 do
  local slice, count = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local held = redis.call('HGET', KEYS[1], ARGV[i]) or ''
  local kept, known = '', 0
  for at = 1, #held, 3 do
    if string.byte(held, at) == slice then known = struct.unpack('>H', held, at + 1)
    else kept = kept .. string.sub(held, at, at + 2) end
  end
  if count > known then
    redis.call('HSET', KEYS[1], ARGV[i], kept .. struct.pack('>BH', slice, count))
    redis.call('EXPIRE', KEYS[1], ARGV[1], 'NX')
  end
end
return 1
`);

/** A crowd found in a slice's records and marks. */
interface FoundCrowd {
  readonly key: CrowdKey;
  records: number;
  isMarked: boolean;
  hasOwnSet: boolean;
}

/**
 * Reads crowds. What is hot and how many sources a slice had is read from the
 * records themselves when the slice closes, so that merging writes neither.
 */
export class CrowdReader {
  constructor(
    private readonly connection: RedisConnection,
    private readonly reads: PartitionReads,
  ) {}

  /** The records are read before the set they may move to, so that none is missed. */
  async read(key: CrowdKey): Promise<CrowdWindow> {
    const p = partitionOf(key.subject);
    const field = fieldOf(key);
    const family = crowdFamily(key.kind, key.subject.length);
    const hashed = subjectHash(key.subject);
    const bucket = crowdBucket(family, hashed);
    const [held, members, refused] = await Promise.all([
      this.reads.read(p, "GET", windowKeys.crowdRecords(p, key.slice, family, bucket)),
      this.reads.read(p, "SMEMBERS", windowKeys.ownCrowd(p, key.slice, field)),
      this.reads.read(p, "PFCOUNT", windowKeys.refusedSources(p, key.slice, field)),
    ]);
    const sources = new Set(list(members).map((member) => parseMember(bytes(member))));
    for (const source of recordsOf(bytes(held), key.subject, hashed & 0x7f, family)) sources.add(source);
    return { key, sources: [...sources], count: sources.size + Number(refused) };
  }

  /** From the history, and for the last hour from the crowds themselves. */
  async history(key: CrowdKey): Promise<Map<number, number>> {
    const history = await this.folded(key);
    const live = Array.from({ length: liveSlices }, (_, back) => ({ ...key, slice: key.slice - 1 - back }));
    for (const { key: earlier, count } of await Promise.all(live.map((earlier) => this.read(earlier))))
      if (count >= hotSourcesMin)
        history.set(earlier.slice, Math.max(count, history.get(earlier.slice) ?? 0));
    return history;
  }

  /** Hot crowds of a slice; folds the counts of their sources into the history, which may be repeated. */
  async closeSlice(partition: number, slice: number): Promise<HotWindow[]> {
    const found = (
      await Promise.all(crowdFamilies.map((family) => this.family(partition, slice, family)))
    ).flat();
    const hot = found.filter((crowd) => crowd.records >= hotSourcesMin || crowd.isMarked || crowd.hasOwnSet);
    await this.fold(partition, hot);
    return hot.map(({ key }) => ({ kind: "crowd", key }));
  }

  private async folded(key: CrowdKey): Promise<Map<number, number>> {
    const field = fieldOf(key);
    const p = partitionOf(key.subject);
    const lastDay = Math.floor(key.slice / slicesPerDay);
    const days = Array.from({ length: historyDays + 1 }, (_, back) => lastDay - back);
    const replies = await Promise.all(
      days.map((day) => this.reads.read(p, "HGET", windowKeys.crowdHistory(p, day, field), field)),
    );
    const history = new Map<number, number>();
    for (const [index, day] of days.entries()) {
      const held = bytes(replies[index]);
      for (let at = 0; at < held.length; at += 3) {
        const slice = day * slicesPerDay + held[at];
        if (slice < key.slice && slice >= key.slice - historyDays * slicesPerDay)
          history.set(slice, held.readUInt16BE(at + 1));
      }
    }
    return history;
  }

  private async family(partition: number, slice: number, family: CrowdFamily): Promise<FoundCrowd[]> {
    const records = Array.from({ length: family.buckets }, (_, bucket) =>
      windowKeys.crowdRecords(partition, slice, family, bucket),
    );
    const marks = Array.from({ length: markBuckets(family) }, (_, bucket) =>
      windowKeys.crowdMarks(partition, slice, family, bucket),
    );
    const reply = list(await this.connection.command(["MGET", ...records, ...marks]));
    const found = new Map<string, FoundCrowd>();
    const crowdOf = (subject: string): FoundCrowd => {
      let crowd = found.get(subject);
      const key = { kind: family.kind, subject, slice };
      if (crowd === undefined)
        found.set(subject, (crowd = { key, records: 0, isMarked: false, hasOwnSet: false }));
      return crowd;
    };
    const { subjectBytes, sourceBytes } = family;
    for (const held of reply.slice(0, records.length).map(bytes))
      for (let at = 1; at < held.length; at += 1 + subjectBytes + sourceBytes)
        crowdOf(held.toString("latin1", at, at + subjectBytes)).records++;
    for (const held of reply.slice(records.length).map(bytes))
      for (let at = 1; at < held.length; at += 2 + subjectBytes) {
        const crowd = crowdOf(held.toString("latin1", at, at + subjectBytes));
        if (held[at + subjectBytes] === 1) crowd.isMarked = true;
        else crowd.hasOwnSet = true;
      }
    return [...found.values()];
  }

  private async fold(partition: number, crowds: readonly FoundCrowd[]): Promise<void> {
    const buckets = new Map<string, (string | Buffer)[]>();
    await Promise.all(
      crowds.map(async (crowd) => {
        const count = crowd.hasOwnSet ? (await this.read(crowd.key)).count : crowd.records;
        if (count < hotSourcesMin) return;
        const field = fieldOf(crowd.key);
        const day = Math.floor(crowd.key.slice / slicesPerDay);
        const bucket = windowKeys.crowdHistory(partition, day, field);
        const words = buckets.get(bucket) ?? [];
        const slice = crowd.key.slice - day * slicesPerDay;
        words.push(latin1(field), String(slice), String(Math.min(count, 0xffff)));
        buckets.set(bucket, words);
      }),
    );
    await Promise.all(
      [...buckets].map(([bucket, words]) =>
        this.connection.run(foldScript, [bucket], [String(ttlSeconds.history), ...words]),
      ),
    );
  }
}

function fieldOf(key: CrowdKey): string {
  return kindLetter[key.kind] + key.subject;
}

function recordsOf(held: Buffer, subject: string, tag: number, family: CrowdFamily): AddressKey[] {
  const start = latin1(String.fromCharCode(tag) + subject);
  const size = start.length + family.sourceBytes;
  const sources: AddressKey[] = [];
  for (let at = 0; at < held.length; at += size) {
    if (held.compare(start, 0, start.length, at, at + start.length) !== 0) continue;
    const from = at + start.length;
    if (family.sourceBytes === 4) sources.push(held.toString("latin1", from, from + 4));
    else sources.push(held.toString("latin1", from + 1, from + 1 + held[from]));
  }
  return sources;
}

/** Member of a set: an IPv4 source as a signed number, another one behind an "x". */
function parseMember(member: Buffer): AddressKey {
  if (member[0] === 0x78) return member.toString("latin1", 1);
  const word = Number(member.toString("latin1"));
  return String.fromCharCode((word >>> 24) & 0xff, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff);
}
