import type { AddressKey } from "../../../windows/address-key.js";
import { partitionCount, type CrowdKind } from "../../../windows/window-store.js";

/** Times to live in seconds, counted from the creation of a key. */
export const ttlSeconds = {
  /** A UTC day of contacts or services, which is read until the end of the next. */
  day: 49 * 3600,
  crowd: 3600,
  /** One day of crowd counts, kept seven days. */
  history: 8 * 86_400,
  hot: 2 * 3600,
  /** A block of start slices: at least 20 minutes after its last slice began. */
  start: 1260,
} as const;

/** Start slices in one block: a minute of 5 seconds. */
export const startBlockSlices = 12;

/**
 * Buckets of a partition. Shared hashes stay in Redis' compact form (at most 512
 * fields) and short to search: a million single-contact sources a day make 15
 * fields a bucket, and two million crowds of one source in a slice make 61.
 */
const contactBuckets = 1024;
const crowdBuckets = 512;
const historyBuckets = 256;
const serviceBuckets = 64;

/** One letter a kind, so that kind and subject make one short binary string. */
export const kindLetter: Readonly<Record<CrowdKind, string>> = {
  service: "s",
  target: "t",
  port: "p",
  prefix: "x",
};

const kinds = new Map(Object.entries(kindLetter).map(([kind, letter]) => [letter, kind as CrowdKind]));

/** Kind and subject of a crowd's field. */
export function parseCrowdField(field: string): { kind: CrowdKind; subject: string } | undefined {
  const kind = kinds.get(field[0]);
  return kind === undefined ? undefined : { kind, subject: field.slice(1) };
}

const tags = Array.from({ length: partitionCount }, (_, index) => `{p${String(index).padStart(2, "0")}}:`);

/** Bucket number of a key; independent of the key's partition. */
function bucketOf(key: string, count: number): number {
  let hash = 0x2f0b4c47;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x5bd1e995);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x735a2d97);
  return ((hash ^ (hash >>> 16)) >>> 0) % count;
}

const hexDigits = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));

function hex(text: string): string {
  let digits = "";
  for (let i = 0; i < text.length; i++) digits += hexDigits[text.charCodeAt(i)];
  return digits;
}

/**
 * Names of keys, all plain ASCII and in the slot of their partition `p`:
 * binary parts are in hex, which is cheaper to send than one buffer a key.
 */
export const windowKeys = {
  /** Hash source to its only contact of the day, "" when it has a hash of its own. */
  contactBucket: (p: number, isFailed: boolean, day: number, source: AddressKey): string =>
    `${tags[p]}${isFailed ? "q" : "a"}:${day}:${bucketOf(source, contactBuckets)}`,
  /** Hash contact to value. */
  ownContacts: (p: number, isFailed: boolean, day: number, source: AddressKey): string =>
    `${tags[p]}${isFailed ? "s" : "b"}:${day}:${hex(source)}`,
  /** HyperLogLog of the contacts the cap refused. */
  refusedContacts: (p: number, isFailed: boolean, day: number, source: AddressKey): string =>
    `${tags[p]}${isFailed ? "r" : "d"}:${day}:${hex(source)}`,
  /** Hash source to a bitmap of the day's 144 slices. */
  hotSources: (p: number, day: number): string => `${tags[p]}h:s${day}`,
  /** Hash crowd field to packed sources, "" when it has a set of its own. */
  crowdBucket: (p: number, slice: number, field: string): string =>
    `${tags[p]}c:${slice}:${bucketOf(field, crowdBuckets)}`,
  ownCrowd: (p: number, slice: number, field: string): string => `${tags[p]}k:${slice}:${hex(field)}`,
  refusedSources: (p: number, slice: number, field: string): string => `${tags[p]}l:${slice}:${hex(field)}`,
  /** Set of crowd fields. */
  hotCrowds: (p: number, slice: number): string => `${tags[p]}h:c${slice}`,
  /** Hash crowd field to packed (slice of the day, count). */
  crowdHistory: (p: number, day: number, field: string): string =>
    `${tags[p]}n:${day}:${bucketOf(field, historyBuckets)}`,
  /** Hash (slice of the block, direction[, contribution]) to counter or positions. */
  startBlock: (p: number, block: number, host: AddressKey): string => `${tags[p]}t:${block}:${hex(host)}`,
  /** Hash (direction, host) to a bitmap of the slices of the block. */
  hotStarts: (p: number, block: number): string => `${tags[p]}h:t${block}`,
  /** Hash service to "". */
  serviceBucket: (p: number, day: number, destination: AddressKey): string =>
    `${tags[p]}v:${day}:${bucketOf(destination, serviceBuckets)}`,
};
