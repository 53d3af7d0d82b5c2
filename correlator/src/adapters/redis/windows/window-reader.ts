import type { AddressKey } from "../../../windows/address-key.js";
import { serviceKey } from "../../../windows/contact-key.js";
import {
  contactSliceMs,
  dayMs,
  partitionOf,
  type Contact,
  type CrowdKey,
  type CrowdWindow,
  type SourceWindow,
} from "../../../windows/window-store.js";
import { redisScript, type RedisConnection, type RedisReply } from "../redis-connection.js";
import { parseContact, parseOnlyContact } from "./contact-value.js";
import { readCrowdLua, readSourceLua } from "./read-lua.js";
import { kindLetter, windowKeys } from "./window-keys.js";

const readSource = redisScript(readSourceLua);
const readCrowd = redisScript(readCrowdLua);
const slicesPerDay = dayMs / contactSliceMs;
const historyDays = 7;

/** Reads contacts, crowds and services; one script a window, all in one turn. */
export class WindowReader {
  constructor(private readonly connection: RedisConnection) {}

  async source(source: AddressKey, fromDay: number, toDay: number): Promise<SourceWindow> {
    const p = partitionOf(source);
    const keys: string[] = [];
    for (let day = fromDay; day <= toDay; day++)
      for (const isFailed of [true, false])
        keys.push(
          windowKeys.contactBucket(p, isFailed, day, source),
          windowKeys.ownContacts(p, isFailed, day, source),
          windowKeys.refusedContacts(p, isFailed, day, source),
        );
    const reply = list(await this.connection.run(readSource, keys, [latin1(source)]));
    const failed: Contact[] = [];
    const answered: Contact[] = [];
    let refused = 0;
    for (let at = 0; at < reply.length; at += 3) {
      const isFailed = at % 6 === 0;
      collectContacts(reply, at, isFailed ? failed : answered);
      if (isFailed) refused += Number(reply[at + 2]);
    }
    return { source, failed, answered, refused };
  }

  async crowd(key: CrowdKey): Promise<CrowdWindow> {
    const field = crowdField(key);
    const p = partitionOf(key.subject);
    const keys = [
      windowKeys.crowdBucket(p, key.slice, field),
      windowKeys.ownCrowd(p, key.slice, field),
      windowKeys.refusedSources(p, key.slice, field),
    ];
    const [held, members, refused] = list(await this.connection.run(readCrowd, keys, [latin1(field)]));
    const sources = [
      ...parseEntries(bytes(held)),
      ...list(members).map((member) => parseMember(bytes(member))),
    ];
    return { key, sources, count: sources.length + Number(refused) };
  }

  async crowdHistory(key: CrowdKey): Promise<Map<number, number>> {
    const field = crowdField(key);
    const p = partitionOf(key.subject);
    const lastDay = Math.floor(key.slice / slicesPerDay);
    const days = Array.from({ length: historyDays + 1 }, (_, back) => lastDay - back);
    const replies = await Promise.all(
      days.map((day) =>
        this.connection.command(["HGET", windowKeys.crowdHistory(p, day, field), latin1(field)]),
      ),
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

  async isService(
    service: { destination: AddressKey; protocol: number; port: number },
    day: number,
  ): Promise<boolean> {
    const { destination, port, protocol } = service;
    const p = partitionOf(destination);
    const field = latin1(serviceKey(destination, port, protocol));
    const [today, before] = await Promise.all(
      [day, day - 1].map((day) =>
        this.connection.command(["HEXISTS", windowKeys.serviceBucket(p, day, destination), field]),
      ),
    );
    return today === 1 || before === 1;
  }
}

function crowdField(key: CrowdKey): string {
  return kindLetter[key.kind] + key.subject;
}

function collectContacts(reply: readonly RedisReply[], at: number, into: Contact[]): void {
  const only = bytes(reply[at]);
  if (only.length > 0) into.push(parseOnlyContact(only));
  const own = list(reply[at + 1]);
  for (let i = 0; i < own.length; i += 2)
    into.push(parseContact(bytes(own[i]).toString("latin1"), bytes(own[i + 1])));
}

/** Packed sources: a length byte and the source; an empty one only marks the crowd as hot. */
function parseEntries(held: Buffer): AddressKey[] {
  const sources: AddressKey[] = [];
  for (let at = 0; at < held.length; at += 1 + held[at])
    if (held[at] > 0) sources.push(held.toString("latin1", at + 1, at + 1 + held[at]));
  return sources;
}

/** Member of a set: an IPv4 source as a signed number, another one behind an "x". */
function parseMember(member: Buffer): AddressKey {
  if (member[0] === 0x78) return member.toString("latin1", 1);
  const word = Number(member.toString("latin1"));
  return String.fromCharCode((word >>> 24) & 0xff, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff);
}

/** Bytes of a binary string. */
export function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** A reply that is an array, or none. */
export function list(reply: RedisReply | undefined): RedisReply[] {
  return Array.isArray(reply) ? reply : [];
}

/** A reply that is a bulk string, or an empty one. */
export function bytes(reply: RedisReply | undefined): Buffer {
  return Buffer.isBuffer(reply) ? reply : Buffer.alloc(0);
}
