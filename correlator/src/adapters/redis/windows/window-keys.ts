import type { AddressKey } from "../../../windows/address-key.js";
import { contactSliceMs, dayMs, partitionCount, type CrowdKind } from "../../../windows/window-store.js";

/** Changes with every change of the keys' names or values: state of another layout counts as lost. */
export const layoutVersion = "1";

/** Times to live in seconds, counted from the creation of a key. */
export const ttlSeconds = {
  /** A UTC day of contacts or services, which is read until the end of the next. */
  day: 49 * 3600,
  crowd: 3600,
  /** One day of crowd counts, kept seven days. */
  history: 8 * 86_400,
  /** A block of start slices: at least 20 minutes after its last slice began. */
  start: 1260,
} as const;

/** Times to live of the keys that one script call creates, seconds. */
export interface CallTtls {
  readonly day: number;
  readonly crowd: number;
}

/** Of what belongs to now. */
export const freshTtls: CallTtls = { day: ttlSeconds.day, crowd: ttlSeconds.crowd };
/** A crowd that is merged late is read and folded into the history right after. */
const lateCrowdSeconds = 1800;

/**
 * Times to live of what belongs to a UTC day, counted from that day and not
 * from its writing: what is restored or late lives no longer than the rest.
 */
export function dayTtls(day: number, nowMs: number): CallTtls {
  const leftSeconds = Math.ceil(((day + 2) * dayMs - nowMs) / 1000) + 3600;
  if (leftSeconds >= ttlSeconds.day - dayMs / 1000) return freshTtls;
  return { ...freshTtls, day: Math.max(3600, leftSeconds) };
}

/** The same for the crowds of a slice. */
export function crowdTtls(slice: number, nowMs: number): CallTtls {
  const ageMs = nowMs - (slice + 1) * contactSliceMs;
  return ageMs < ttlSeconds.crowd * 1000 ? freshTtls : { ...freshTtls, crowd: lateCrowdSeconds };
}

/** Start slices in one block: a minute of 5 seconds. */
export const startBlockSlices = 12;

/**
 * Buckets of a partition. Shared hashes stay in Redis' compact form (at most 512
 * fields) and short to search: a million single-contact sources a day make 61
 * fields a bucket. Strings of crowd records are searched whole, so they stay
 * near 24 KiB with two million records in a slice.
 */
export const contactBuckets = 256;
export const historyBuckets = 64;
export const serviceBuckets = 64;

/** How the crowds of one kind and length of subject are stored. */
export interface CrowdFamily {
  readonly kind: CrowdKind;
  readonly subjectBytes: number;
  /** 4 where every source is IPv4; else 17: a length byte and 16 bytes. */
  readonly sourceBytes: number;
  readonly buckets: number;
}

const families: readonly CrowdFamily[] = [
  { kind: "service", subjectBytes: 7, sourceBytes: 4, buckets: 16 },
  { kind: "service", subjectBytes: 19, sourceBytes: 17, buckets: 16 },
  { kind: "target", subjectBytes: 4, sourceBytes: 4, buckets: 4 },
  { kind: "target", subjectBytes: 16, sourceBytes: 17, buckets: 4 },
  { kind: "port", subjectBytes: 3, sourceBytes: 17, buckets: 8 },
  { kind: "prefix", subjectBytes: 3, sourceBytes: 4, buckets: 16 },
  { kind: "prefix", subjectBytes: 6, sourceBytes: 17, buckets: 16 },
];
/** One letter a kind, so that kind and subject make one short binary string. */
export const kindLetter: Readonly<Record<CrowdKind, string>> = {
  service: "s",
  target: "t",
  port: "p",
  prefix: "x",
};

const familyOf = new Map(families.map((family) => [familyName(family.kind, family.subjectBytes), family]));

function familyName(kind: CrowdKind, subjectBytes: number): number {
  return kindLetter[kind].charCodeAt(0) * 256 + subjectBytes;
}

/** How crowds of this kind and length of subject are stored. */
export function crowdFamily(kind: CrowdKind, subjectBytes: number): CrowdFamily {
  const name = familyName(kind, subjectBytes);
  let family = familyOf.get(name);
  if (family === undefined)
    familyOf.set(name, (family = { kind, subjectBytes, sourceBytes: 17, buckets: 8 }));
  return family;
}

/** String of records, of a family's, that a crowd's lie in; `hashed` is the `subjectHash`, whose low bits tag it. */
export function crowdBucket(family: CrowdFamily, hashed: number): number {
  return (hashed >>> 7) % family.buckets;
}

/** Every family that real traffic makes, for a reading of whole slices. */
export const crowdFamilies = families;

/** Marks are few, so that there is a string of them for up to 4 strings of records. */
export function markBuckets(family: CrowdFamily): number {
  return Math.ceil(family.buckets / 4);
}

/** The layout is part of every name, so that no version reads what another one wrote. */
const tags = Array.from(
  { length: partitionCount },
  (_, index) => `{p${String(index).padStart(2, "0")}}${layoutVersion}:`,
);

/** 32-bit hash of a binary string; independent of its partition. */
export function subjectHash(key: string): number {
  let hash = 0x2f0b4c47;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x5bd1e995);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x735a2d97);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function bucketOf(key: string, count: number): number {
  return subjectHash(key) % count;
}

/** Bucket of a source whose `subjectHash` is `hashed`. */
export function contactBucketOf(hashed: number): number {
  return hashed % contactBuckets;
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
  /** Hash source (of `contactBucketOf` it) to its only contact of the day, "" when it has a hash of its own. */
  contactBucket: (p: number, isFailed: boolean, day: number, bucket: number): string =>
    `${tags[p]}${isFailed ? "q" : "a"}:${day}:${bucket}`,
  /** Hash contact to value. */
  ownContacts: (p: number, isFailed: boolean, day: number, source: AddressKey): string =>
    `${tags[p]}${isFailed ? "s" : "b"}:${day}:${hex(source)}`,
  /** HyperLogLog of the contacts the cap refused. */
  refusedContacts: (p: number, isFailed: boolean, day: number, source: AddressKey): string =>
    `${tags[p]}${isFailed ? "r" : "d"}:${day}:${hex(source)}`,
  /** Hash source to a bitmap of the day's 144 slices. */
  hotSources: (p: number, day: number): string => `${tags[p]}h:s${day}`,
  /** String of records: tag, subject, source. */
  crowdRecords: (p: number, slice: number, family: CrowdFamily, bucket: number): string =>
    `${tags[p]}c:${slice}:${kindLetter[family.kind]}${family.subjectBytes}:${bucket}`,
  /** String of marks: tag, subject, 1 (hot because of the slice before) or 2 (has a set of its own). */
  crowdMarks: (p: number, slice: number, family: CrowdFamily, bucket: number): string =>
    `${tags[p]}m:${slice}:${kindLetter[family.kind]}${family.subjectBytes}:${bucket % markBuckets(family)}`,
  /** Set of sources: IPv4 as a signed number, others behind an "x". */
  ownCrowd: (p: number, slice: number, field: string): string => `${tags[p]}k:${slice}:${hex(field)}`,
  /** HyperLogLog of the sources the cap refused. */
  refusedSources: (p: number, slice: number, field: string): string => `${tags[p]}l:${slice}:${hex(field)}`,
  /** Hash crowd field to packed (slice of the day, count). */
  crowdHistory: (p: number, day: number, field: string): string =>
    windowKeys.historyBucket(p, day, bucketOf(field, historyBuckets)),
  historyBucket: (p: number, day: number, bucket: number): string => `${tags[p]}n:${day}:${bucket}`,
  /** Hash (slice of the block, direction[, contribution]) to counter or positions. */
  startBlock: (p: number, block: number, host: AddressKey): string => `${tags[p]}t:${block}:${hex(host)}`,
  /** Hash (direction, host) to a bitmap of the slices of the block. */
  hotStarts: (p: number, block: number): string => `${tags[p]}h:t${block}`,
  /** Hash service to "". */
  serviceBucket: (p: number, day: number, destination: AddressKey): string =>
    windowKeys.servicesOf(p, day, bucketOf(destination, serviceBuckets)),
  servicesOf: (p: number, day: number, bucket: number): string => `${tags[p]}v:${day}:${bucket}`,
};
