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

  /** Few sources have more than one contact a day, so what they would need is not asked for at first. */
  private async readSource(source: AddressKey, fromDay: number, toDay: number): Promise<SourceWindow> {
    const p = partitionOf(source);
    const bucket = contactBucketOf(subjectHash(source));
    const keys: string[] = [];
    for (let day = fromDay; day <= toDay; day++)
      keys.push(
        windowKeys.contactBucket(p, true, day, bucket),
        windowKeys.contactBucket(p, false, day, bucket),
      );
    const held = await this.reads.readEach(p, "HGET", keys, source);
    const window: ReadWindow = { source, failed: [], answered: [], refused: 0 };
    const own: Promise<void>[] = [];
    for (const [index, only] of held.entries()) {
      if (!Buffer.isBuffer(only)) continue;
      const isFailed = index % 2 === 0;
      if (only.length > 0) (isFailed ? window.failed : window.answered).push(parseOnlyContact(only));
      else own.push(this.readOwn(window, isFailed, fromDay + (index >>> 1)));
    }
    if (own.length > 0) await Promise.all(own);
    return window;
  }

  private async readOwn(window: ReadWindow, isFailed: boolean, day: number): Promise<void> {
    const { source } = window;
    const p = partitionOf(source);
    const [own, refused] = await Promise.all([
      this.reads.read(p, "HGETALL", windowKeys.ownContacts(p, isFailed, day, source)),
      isFailed ? this.reads.read(p, "PFCOUNT", windowKeys.refusedContacts(p, true, day, source)) : 0,
    ]);
    const fields = list(own);
    const into = isFailed ? window.failed : window.answered;
    for (let at = 0; at < fields.length; at += 2)
      into.push(parseContact(bytes(fields[at]).toString("latin1"), bytes(fields[at + 1])));
    window.refused += Number(refused);
  }
}

/** A source's window while it is read. */
interface ReadWindow {
  readonly source: AddressKey;
  readonly failed: Contact[];
  readonly answered: Contact[];
  refused: number;
}
