import { setTimeout as delay } from "node:timers/promises";
import { CheckpointDamage, pieceBytesMax, type SlowState } from "../../rebuild/checkpoint.js";
import { parseServiceKey } from "../../windows/contact-key.js";
import { dayMs, partitionCount, partitionOf } from "../../windows/window-store.js";
import { packSection, parseSections, type Section } from "./checkpoint-sections.js";
import type { RedisConnection } from "./redis-connection.js";
import { bytes, list } from "./redis-reply.js";
import type { RedisWindowStore } from "./redis-window-store.js";
import { foldScript } from "./windows/crowd-reader.js";
import type { MergedContact, MergeItem } from "./windows/merge-plan.js";
import { PartitionReads } from "./windows/partition-reads.js";
import {
  contactBuckets,
  historyBuckets,
  layoutVersion,
  serviceBuckets,
  subjectHash,
  ttlSeconds,
  windowKeys,
} from "./windows/window-keys.js";

const historyDays = 8;
/** Contacts and services count on the day and the next. */
const contactDays = 2;
/** Keys read at once: a few milliseconds of the server. */
const keysPerRead = 64;
/** The server works for others at least half of the time. */
const restMsMax = 10;
const itemsPerMerge = 500;

/** The slow windows of Redis: read whole, partition by partition, and merged again. */
export class RedisSlowState implements SlowState {
  readonly layout = layoutVersion;
  private readonly reads: PartitionReads;

  constructor(
    private readonly connection: RedisConnection,
    private readonly store: RedisWindowStore,
  ) {
    this.reads = new PartitionReads(connection);
  }

  async *dump(nowMs: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    let piece: Buffer[] = [];
    let size = 0;
    for (let partition = 0; partition < partitionCount; partition++)
      for await (const section of this.sections(partition, Math.floor(nowMs / dayMs))) {
        signal.throwIfAborted();
        for (const packed of cut(section).map(packSection)) {
          if (size + packed.length > pieceBytesMax) {
            yield Buffer.concat(piece);
            [piece, size] = [[], 0];
          }
          piece.push(packed);
          size += packed.length;
        }
      }
    if (size > 0) yield Buffer.concat(piece);
  }

  async restore(piece: Buffer): Promise<void> {
    const partitions = new Map<number, MergeItem[]>();
    const histories: Section[] = [];
    for (const section of sectionsOf(piece)) {
      if (section.kind === "history") histories.push(section);
      else for (const [partition, item] of itemsOf(section)) addTo(partitions, partition, item);
    }
    for (const [partition, items] of partitions)
      for (let from = 0; from < items.length; from += itemsPerMerge)
        await this.store.restore(partition, items.slice(from, from + itemsPerMerge));
    for (const section of histories) await this.restoreHistory(section);
  }

  private async *sections(partition: number, today: number): AsyncGenerator<Section> {
    for (let day = today - contactDays + 1; day <= today; day++) {
      yield* this.contacts(partition, day, true);
      yield* this.contacts(partition, day, false);
      const names = numbers(serviceBuckets).map((bucket) => windowKeys.servicesOf(partition, day, bucket));
      for await (const { fields } of this.hashes(partition, names))
        yield { kind: "services", day, source: Buffer.alloc(0), fields };
    }
    for (let day = today - historyDays + 1; day <= today; day++) {
      const names = numbers(historyBuckets).map((bucket) => windowKeys.historyBucket(partition, day, bucket));
      for await (const { fields } of this.hashes(partition, names))
        yield { kind: "history", day, source: Buffer.alloc(0), fields };
    }
  }

  /** An empty value in a bucket says that the source has a hash of its own. */
  private async *contacts(partition: number, day: number, isFailed: boolean): AsyncGenerator<Section> {
    const kind = isFailed ? "failed" : "answered";
    const names = numbers(contactBuckets).map((bucket) =>
      windowKeys.contactBucket(partition, isFailed, day, bucket),
    );
    const grown: string[] = [];
    for await (const { fields } of this.hashes(partition, names))
      for (let at = 0; at < fields.length; at += 2) {
        const [source, only] = [fields[at], fields[at + 1]];
        if (only.length === 0) grown.push(source.toString("latin1"));
        else yield { kind, day, source, fields: [only.subarray(1, 1 + only[0]), only.subarray(1 + only[0])] };
      }
    const own = grown.map((source) => windowKeys.ownContacts(partition, isFailed, day, source));
    for await (const { index, fields } of this.hashes(partition, own))
      yield { kind, day, source: Buffer.from(grown[index], "latin1"), fields };
  }

  /** Hashes that are not empty, read at a measured pace. */
  private async *hashes(
    partition: number,
    keys: readonly string[],
  ): AsyncGenerator<{ index: number; fields: Buffer[] }> {
    for (let from = 0; from < keys.length; from += keysPerRead) {
      const beganMs = performance.now();
      const replies = await this.reads.readEach(partition, "HGETALL", keys.slice(from, from + keysPerRead));
      const tookMs = performance.now() - beganMs;
      for (const [index, reply] of replies.entries()) {
        const fields = list(reply).map(bytes);
        if (fields.length > 0) yield { index: from + index, fields };
      }
      await delay(Math.min(tookMs, restMsMax));
    }
  }

  /** Higher counts win, so that what was folded since stays. */
  private async restoreHistory({ day, fields }: Section): Promise<void> {
    const buckets = new Map<string, (string | Buffer)[]>();
    for (let at = 0; at < fields.length; at += 2) {
      const [field, held] = [fields[at], fields[at + 1]];
      const name = field.toString("latin1");
      const key = windowKeys.crowdHistory(partitionOf(name.slice(1)), day, name);
      const words = buckets.get(key) ?? [];
      for (let i = 0; i + 2 < held.length; i += 3)
        words.push(field, String(held[i]), String(held.readUInt16BE(i + 1)));
      buckets.set(key, words);
    }
    const leftSeconds = Math.ceil((day * dayMs - Date.now()) / 1000) + ttlSeconds.history;
    if (leftSeconds <= 0) return;
    await Promise.all(
      [...buckets].map(([key, words]) =>
        this.connection.run(foldScript, [key], [String(leftSeconds), ...words]),
      ),
    );
  }
}

/** Sections that fit into a piece: a hash may hold thousands of fields. */
function cut(section: Section): Section[] {
  const fieldsMax = 4_000;
  if (section.fields.length <= fieldsMax) return [section];
  const parts: Section[] = [];
  for (let from = 0; from < section.fields.length; from += fieldsMax)
    parts.push({ ...section, fields: section.fields.slice(from, from + fieldsMax) });
  return parts;
}

function sectionsOf(piece: Buffer): Section[] {
  try {
    return [...parseSections(piece)];
  } catch (error) {
    throw new CheckpointDamage("a piece of the checkpoint cannot be read", { cause: error });
  }
}

function itemsOf({ kind, day, source, fields }: Section): [number, MergeItem][] {
  if (kind === "services")
    return fields.flatMap((field, index): [number, MergeItem][] => {
      if ((index & 1) === 1) return [];
      const service = field.toString("latin1");
      const { destination } = parseServiceKey(service);
      return [[partitionOf(destination), { type: "service", destination, service, day }]];
    });
  const name = source.toString("latin1");
  const contacts: MergedContact[] = [];
  for (let at = 0; at < fields.length; at += 2) contacts.push(contactOf(fields[at], fields[at + 1]));
  return [
    [
      partitionOf(name),
      {
        type: "contacts",
        isFailed: kind === "failed",
        source: name,
        hashed: subjectHash(name),
        day,
        contacts,
        isLong: contacts.length > 1,
      },
    ],
  ];
}

/** A contact as Redis holds it: time (6 bytes), outcome, stealth, sensors (4 bytes each). */
function contactOf(key: Buffer, value: Buffer): MergedContact {
  if (value.length < 8) throw new CheckpointDamage("a contact of the checkpoint is too short");
  const sensors: number[] = [];
  for (let at = 8; at + 4 <= value.length && sensors.length < 4; at += 4)
    sensors.push(value.readUInt32BE(at));
  return {
    key: key.toString("latin1"),
    timeMs: value.readUIntBE(0, 6),
    outcome: value[6],
    stealth: value[7],
    sensors,
  };
}

function addTo(partitions: Map<number, MergeItem[]>, partition: number, item: MergeItem): void {
  const items = partitions.get(partition);
  if (items === undefined) partitions.set(partition, [item]);
  else items.push(item);
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
