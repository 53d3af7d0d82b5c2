import type { AddressKey } from "../../../windows/address-key.js";
import { serviceKey } from "../../../windows/contact-key.js";
import { partitionOf, type Contact, type SourceWindow } from "../../../windows/window-store.js";
import { bytes, list } from "../redis-reply.js";
import { parseContact, parseOnlyContact } from "./contact-value.js";
import type { PartitionReads } from "./partition-reads.js";
import { contactBucketOf, subjectHash, windowKeys } from "./window-keys.js";

/** Reads contacts and services. */
export class WindowReader {
  /** Sources being read, so that several crowds that share one read and parse it once. */
  private readonly reading = new Map<string, Promise<SourceWindow>>();

  constructor(private readonly reads: PartitionReads) {}

  source(source: AddressKey, fromDay: number, toDay: number): Promise<SourceWindow> {
    const name = `${fromDay}-${toDay}:${source}`;
    let window = this.reading.get(name);
    if (window === undefined) {
      window = this.readSource(source, fromDay, toDay).finally(() => this.reading.delete(name));
      this.reading.set(name, window);
    }
    return window;
  }

  async isService(
    service: { destination: AddressKey; protocol: number; port: number },
    day: number,
  ): Promise<boolean> {
    const { destination, port, protocol } = service;
    const p = partitionOf(destination);
    const field = serviceKey(destination, port, protocol);
    const [today, before] = await Promise.all(
      [day, day - 1].map((day) =>
        this.reads.read(p, "HGET", windowKeys.serviceBucket(p, day, destination), field),
      ),
    );
    return today !== null || before !== null;
  }

  private async readSource(source: AddressKey, fromDay: number, toDay: number): Promise<SourceWindow> {
    const days: Promise<number>[] = [];
    const failed: Contact[] = [];
    const answered: Contact[] = [];
    for (let day = fromDay; day <= toDay; day++)
      days.push(this.readDay(source, true, day, failed), this.readDay(source, false, day, answered));
    const refused = await Promise.all(days);
    return { source, failed, answered, refused: refused.reduce((sum, count) => sum + count, 0) };
  }

  /** Adds one day's contacts; resolves to the failed ones that the cap refused. */
  private async readDay(
    source: AddressKey,
    isFailed: boolean,
    day: number,
    into: Contact[],
  ): Promise<number> {
    const p = partitionOf(source);
    const bucket = windowKeys.contactBucket(p, isFailed, day, contactBucketOf(subjectHash(source)));
    const only = await this.reads.read(p, "HGET", bucket, source);
    if (!Buffer.isBuffer(only)) return 0;
    if (only.length > 0) {
      into.push(parseOnlyContact(only));
      return 0;
    }
    const [own, refused] = await Promise.all([
      this.reads.read(p, "HGETALL", windowKeys.ownContacts(p, isFailed, day, source)),
      isFailed ? this.reads.read(p, "PFCOUNT", windowKeys.refusedContacts(p, true, day, source)) : 0,
    ]);
    const fields = list(own);
    for (let at = 0; at < fields.length; at += 2)
      into.push(parseContact(bytes(fields[at]).toString("latin1"), bytes(fields[at + 1])));
    return Number(refused);
  }
}
