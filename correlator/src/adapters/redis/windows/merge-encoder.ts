import type { WindowLimits } from "../../../windows/window-store.js";
import type { SipHash } from "../sip-hash.js";
import type {
  ContactsItem,
  CrowdItem,
  MergedContact,
  MergeItem,
  ServiceItem,
  StartItem,
} from "./merge-plan.js";
import { ContactPlaces } from "./contact-places.js";
import { CrowdRuns, type CrowdRun } from "./crowd-runs.js";
import {
  type CallTtls,
  contactBucketOf,
  crowdBucket,
  crowdFamily,
  type CrowdFamily,
  kindLetter,
  startBlockSlices,
  ttlSeconds,
  windowKeys,
} from "./window-keys.js";
import type { AddressKey } from "../../../windows/address-key.js";

const initialBytes = 1 << 16;
/** Answered contacts of a source kept for each failed one that is allowed. */
const answeredFactor = 8;

/** Keys and packed argument of one script call. */
export interface MergeCall {
  readonly keys: string[];
  readonly argument: Buffer;
  /** The items in the order in which the reply numbers them. */
  readonly items: readonly MergeItem[];
}

/** Which keys this process gave a time to live lately, so that it need not do so again. */
export interface ExpiringKeys {
  /** True when the key should get one now. */
  isDue(key: string): boolean;
}

/** Packs items for the merge script; see `merge-lua.ts` for the form. */
export class MergeEncoder {
  private body = Buffer.allocUnsafe(initialBytes);
  private at = 0;
  private keys: string[] = [];
  private places = new Map<string, number>();
  private readonly written = new ContactPlaces();
  private readonly onlyRead = new ContactPlaces();
  private ttls: CallTtls = ttlSeconds;
  private due: { place: number; seconds: number }[] = [];

  constructor(
    private readonly limits: WindowLimits,
    private readonly expiring: ExpiringKeys,
  ) {}

  /** One call for all items, which belong to one partition and live equally long. */
  encode(partition: number, items: readonly MergeItem[], hash: SipHash, ttls: CallTtls): MergeCall {
    this.at = 0;
    this.ttls = ttls;
    this.keys = [];
    this.places = new Map();
    this.due = [];
    this.written.clear();
    this.onlyRead.clear();
    const ordered: MergeItem[] = [];
    const runs = new CrowdRuns();
    for (const item of items) {
      if (item.type === "crowd" && runs.take(item)) continue;
      this.item(partition, item, hash);
      ordered.push(item);
    }
    for (const run of runs.all()) {
      this.run(partition, run);
      for (const item of run.items) ordered.push(item);
    }
    const argument = Buffer.concat([this.header(), this.body.subarray(0, this.at)]);
    return { keys: this.keys, argument, items: ordered };
  }

  private item(partition: number, item: MergeItem, hash: SipHash): void {
    if (item.type === "contacts") this.contacts(partition, item, hash);
    else if (item.type === "crowd") this.crowd(partition, item, hash);
    else if (item.type === "start") this.start(partition, item, hash);
    else this.service(partition, item);
  }

  private header(): Buffer {
    const header = Buffer.allocUnsafe(18 + 6 * this.due.length);
    const { contactsPerSourceMax, sourcesPerCrowdMax, startContributionsMax } = this.limits;
    header.writeUInt16BE(Math.min(contactsPerSourceMax, 0xffff), 0);
    header.writeUInt16BE(Math.min(contactsPerSourceMax * answeredFactor, 0xffff), 2);
    header.writeUInt16BE(Math.min(sourcesPerCrowdMax, 0xffff), 4);
    header.writeUInt16BE(Math.min(startContributionsMax, 0xffff), 6);
    header.writeUInt32BE(this.ttls.day, 8);
    header.writeUInt32BE(this.ttls.crowd, 12);
    header.writeUInt16BE(this.due.length, 16);
    for (const [index, { place, seconds }] of this.due.entries()) {
      header.writeUInt16BE(place, 18 + 6 * index);
      header.writeUInt32BE(seconds, 20 + 6 * index);
    }
    return header;
  }

  private contacts(p: number, item: ContactsItem, hash: SipHash): void {
    const { isFailed, source, day, contacts, isLong } = item;
    this.reserve(64 + contacts.length * 64);
    this.byte(1);
    this.byte(isFailed ? 1 : 0);
    this.contactBuckets(p, item);
    this.word(isFailed ? this.place(windowKeys.hotSources(p, day)) : 0);
    this.word(isLong ? this.place(windowKeys.ownContacts(p, isFailed, day, source)) : 0);
    this.word(isLong ? this.place(windowKeys.refusedContacts(p, isFailed, day, source)) : 0);
    this.word(contacts.length);
    this.text(source);
    for (const contact of contacts) this.contact(contact, isLong, hash);
  }

  /** The bucket, and of failed contacts the one of the day before, which is only read. */
  private contactBuckets(p: number, { isFailed, day, hashed }: ContactsItem): void {
    const bucket = contactBucketOf(hashed);
    const own = this.written.of(isFailed, day, bucket, () =>
      this.bucketPlace(windowKeys.contactBucket(p, isFailed, day, bucket), this.ttls.day),
    );
    this.word(own);
    if (!isFailed) return this.word(0);
    const before = this.onlyRead.of(true, day - 1, bucket, () =>
      this.place(windowKeys.contactBucket(p, true, day - 1, bucket)),
    );
    this.word(before);
  }

  private contact(contact: MergedContact, isLong: boolean, hash: SipHash): void {
    this.byte(9 + contact.key.length + 4 * contact.sensors.length);
    this.text(contact.key);
    this.word(Math.floor(contact.timeMs / 0x1_0000_0000));
    this.long(contact.timeMs % 0x1_0000_0000);
    this.byte(contact.outcome);
    this.byte(contact.stealth);
    for (const sensor of contact.sensors) this.long(sensor);
    if (isLong) hash.hash(contact.key, this.body, this.claim(8));
  }

  private crowd(p: number, item: CrowdItem, hash: SipHash): void {
    const { kind, subject, slice, isLong } = item;
    const family = crowdFamily(kind, subject.length);
    const hashed = item.hashed;
    const sources = this.fitting(item.sources, family.sourceBytes);
    this.reserve(64 + sources.length * 32);
    this.byte(2);
    this.crowdPlaces(p, slice, family, crowdBucket(family, hashed));
    const field = isLong ? kindLetter[kind] + subject : "";
    this.word(isLong ? this.place(windowKeys.ownCrowd(p, slice, field)) : 0);
    this.word(isLong ? this.place(windowKeys.refusedSources(p, slice, field)) : 0);
    this.byte(family.sourceBytes);
    this.word(sources.length);
    this.byte(subject.length + 1);
    this.recordStart(subject, hashed);
    for (const source of sources) {
      this.source(source, family.sourceBytes);
      if (isLong) hash.hash(source, this.body, this.claim(8));
    }
  }

  /** Crowds of one source each, in one string of records. */
  private run(p: number, { slice, family, bucket, items }: CrowdRun): void {
    const size = 1 + family.subjectBytes + family.sourceBytes;
    this.reserve(16 + items.length * size);
    this.byte(5);
    this.crowdPlaces(p, slice, family, bucket);
    this.byte(size);
    this.byte(family.sourceBytes);
    this.word(items.length);
    for (const { subject, hashed, sources } of items) {
      this.recordStart(subject, hashed);
      this.source(sources[0], family.sourceBytes);
    }
  }

  private recordStart(subject: string, hashed: number): void {
    this.body[this.at++] = hashed & 0x7f;
    for (let i = 0; i < subject.length; i++) this.body[this.at++] = subject.charCodeAt(i);
  }

  /** Places of the shared keys. */
  private crowdPlaces(p: number, slice: number, family: CrowdFamily, bucket: number): void {
    this.word(this.place(windowKeys.crowdRecords(p, slice, family, bucket)));
    this.word(this.place(windowKeys.crowdMarks(p, slice, family, bucket)));
    this.word(this.place(windowKeys.crowdMarks(p, slice + 1, family, bucket)));
  }

  /** An IPv4 destination or prefix has IPv4 sources only; anything else did not come from a packet. */
  private fitting(sources: readonly AddressKey[], sourceBytes: number): readonly AddressKey[] {
    if (sourceBytes > 4 || sources.every((source) => source.length === 4)) return sources;
    return sources.filter((source) => source.length === 4);
  }

  private source(source: AddressKey, sourceBytes: number): void {
    if (sourceBytes > 4) this.byte(source.length);
    const end = this.at + (sourceBytes > 4 ? 16 : 4);
    for (let i = 0; i < source.length; i++) this.body[this.at++] = source.charCodeAt(i);
    while (this.at < end) this.body[this.at++] = 0;
  }

  private start(p: number, { start }: StartItem, hash: SipHash): void {
    const block = Math.floor(start.slice / startBlockSlices);
    this.reserve(64 + start.positions.length * 2);
    this.byte(3);
    this.word(this.place(windowKeys.startBlock(p, block, start.host)));
    this.word(this.place(windowKeys.hotStarts(p, block)));
    this.byte(start.slice - block * startBlockSlices);
    this.byte(start.direction === "outbound" ? 1 : 0);
    this.text(start.host);
    hash.hash(start.contribution, this.body, this.claim(8));
    this.word(start.positions.length);
    for (const position of start.positions) this.word(position);
  }

  private service(p: number, { destination, service, day }: ServiceItem): void {
    this.reserve(64);
    this.byte(4);
    this.word(this.bucketPlace(windowKeys.serviceBucket(p, day, destination), this.ttls.day));
    this.text(service);
  }

  /** Place of a shared hash, which this call surely creates or finds. */
  private bucketPlace(key: string, seconds: number): number {
    const place = this.place(key);
    if (this.expiring.isDue(key)) this.due.push({ place, seconds });
    return place;
  }

  private place(key: string): number {
    let place = this.places.get(key);
    if (place !== undefined) return place;
    place = this.keys.push(key);
    this.places.set(key, place);
    return place;
  }

  private reserve(bytes: number): void {
    if (this.at + bytes <= this.body.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.body.length * 2, this.at + bytes));
    this.body.copy(larger, 0, 0, this.at);
    this.body = larger;
  }

  private byte(value: number): void {
    this.body[this.at++] = value;
  }

  private word(value: number): void {
    this.body[this.at++] = value >>> 8;
    this.body[this.at++] = value;
  }

  private long(value: number): void {
    this.word(value >>> 16);
    this.word(value & 0xffff);
  }

  private text(value: string): void {
    this.body[this.at++] = value.length;
    for (let i = 0; i < value.length; i++) this.body[this.at++] = value.charCodeAt(i);
  }

  /** Where the next bytes go. */
  private claim(bytes: number): number {
    const at = this.at;
    this.at += bytes;
    return at;
  }
}
