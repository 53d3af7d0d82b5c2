import type { AddressKey } from "../../../windows/address-key.js";
import type { FactKind, FactObservation } from "../../../windows/fact-window.js";
import { shortKey } from "../../../windows/packed-address.js";
import { crowdBit, crowdKinds } from "../../../windows/window-store.js";
import type { ContactObservation, CrowdCount, StartObservation } from "../../../windows/window-store.js";
import { RecordType } from "./record-type.js";

/** What records are given to, one call each. */
export interface RecordSink {
  failed(contact: ContactObservation): void;
  answered(contact: ContactObservation): void;
  start(start: StartObservation): void;
  fact(fact: FactObservation): void;
  count(count: CrowdCount): void;
}

/**
 * Reads records, little endian: contact = type, source, destination, port (2),
 * protocol, outcome | stealth << 4, crowds | traits << 5, time in ms (6), sensor (4), fingerprint (4) where it joins that crowd, where
 * short addresses are 4 bytes and others have a length byte; start = type, host,
 * outbound, slice (4), count (2), positions (2 each); fact = type, kind, subject,
 * member, time, value (8, a double), sensor; count = type, crowd kind, subject,
 * slice (4), count (4). Facts of a kind this version does not know are left out.
 * Returns false when the bytes end within a record or hold none of these.
 */
export function readRecords(
  bytes: Buffer,
  kindOf: (id: number) => FactKind | undefined,
  sink: RecordSink,
): boolean {
  const cursor = new Cursor(bytes);
  while (cursor.at < bytes.length) if (!readRecord(cursor, kindOf, sink)) return false;
  return true;
}

function readRecord(cursor: Cursor, kindOf: (id: number) => FactKind | undefined, sink: RecordSink): boolean {
  const type = cursor.byte();
  if (type >= RecordType.failed && type <= RecordType.answeredLong) {
    const contact = readContact(cursor, type > RecordType.answered);
    if (cursor.isOver) return false;
    if ((type & 1) === 1) sink.failed(contact);
    else sink.answered(contact);
    return true;
  }
  if (type === RecordType.start) return readStart(cursor, sink);
  if (type === RecordType.fact) return readFact(cursor, kindOf, sink);
  return type === RecordType.count && readCount(cursor, sink);
}

function readContact(cursor: Cursor, isLong: boolean): ContactObservation {
  const source = isLong ? cursor.text() : cursor.short();
  const destination = isLong ? cursor.text() : cursor.short();
  const port = cursor.word();
  const protocol = cursor.byte();
  const state = cursor.byte();
  const marks = cursor.byte();
  const timeMs = cursor.time();
  const sensor = cursor.long();
  const crowds = marks & 0x1f;
  const fingerprint = (crowds & crowdBit.fingerprint) === 0 ? 0 : cursor.long();
  return {
    source,
    destination,
    protocol,
    port,
    timeMs,
    outcome: state & 0xf,
    stealth: state >>> 4,
    sensor,
    crowds,
    traits: marks >>> 5,
    fingerprint,
  };
}

function readStart(cursor: Cursor, sink: RecordSink): boolean {
  const host = cursor.text();
  const direction = cursor.byte() === 1 ? "outbound" : "inbound";
  const slice = cursor.long();
  const positions: number[] = [];
  for (let left = cursor.word(); left > 0 && !cursor.isOver; left--) positions.push(cursor.word());
  if (cursor.isOver) return false;
  sink.start({ host, direction, slice, positions });
  return true;
}

function readFact(cursor: Cursor, kindOf: (id: number) => FactKind | undefined, sink: RecordSink): boolean {
  const kind = kindOf(cursor.byte());
  const subject = cursor.text();
  const member = cursor.text();
  const timeMs = cursor.time();
  const value = cursor.double();
  const sensor = cursor.long();
  if (cursor.isOver) return false;
  if (kind !== undefined) sink.fact({ kind, subject, member, timeMs, value, sensor });
  return true;
}

function readCount(cursor: Cursor, sink: RecordSink): boolean {
  const kind = crowdKinds[cursor.byte()];
  const subject = cursor.text();
  const slice = cursor.long();
  const count = cursor.long();
  if (cursor.isOver || kind === undefined) return false;
  sink.count({ kind, subject, slice, count });
  return true;
}

/** Reads forward; past the end everything is 0 and `isOver` is true. */
class Cursor {
  at = 0;

  constructor(private readonly bytes: Buffer) {}

  get isOver(): boolean {
    return this.at > this.bytes.length;
  }

  byte(): number {
    return this.bytes[this.at++] ?? 0;
  }

  word(): number {
    const low = this.byte();
    return low | (this.byte() << 8);
  }

  long(): number {
    const low = this.word();
    return (low | (this.word() << 16)) >>> 0;
  }

  time(): number {
    const low = this.long();
    return low + this.word() * 0x1_0000_0000;
  }

  double(): number {
    const from = this.at;
    this.at += 8;
    return this.at > this.bytes.length ? 0 : this.bytes.readDoubleLE(from);
  }

  /** Four bytes, of an IPv4 address as a rule. */
  short(): AddressKey {
    const word = (this.byte() << 24) | (this.byte() << 16) | (this.byte() << 8) | this.byte();
    return shortKey(word);
  }

  text(): string {
    const length = this.byte();
    return length === 4 ? this.short() : this.raw(length);
  }

  raw(length: number): string {
    const from = this.at;
    this.at += length;
    return this.bytes.toString("latin1", from, this.at);
  }
}
