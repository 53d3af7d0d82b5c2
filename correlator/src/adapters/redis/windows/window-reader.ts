import type { AddressKey } from "../../../windows/address-key.js";
import { serviceKey } from "../../../windows/contact-key.js";
import { partitionOf, type Contact, type SourceWindow } from "../../../windows/window-store.js";
import { bytes, latin1, list } from "../redis-reply.js";
import { redisScript, type RedisConnection, type RedisReply } from "../redis-connection.js";
import { parseContact, parseOnlyContact } from "./contact-value.js";
import { readSourceLua } from "./read-lua.js";
import { windowKeys } from "./window-keys.js";

const readSource = redisScript(readSourceLua);

/** Reads contacts and services; one script a source, all in one turn. */
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

function collectContacts(reply: readonly RedisReply[], at: number, into: Contact[]): void {
  const only = bytes(reply[at]);
  if (only.length > 0) into.push(parseOnlyContact(only));
  const own = list(reply[at + 1]);
  for (let i = 0; i < own.length; i += 2)
    into.push(parseContact(bytes(own[i]).toString("latin1"), bytes(own[i + 1])));
}
