import type { FactObservation } from "../../../windows/fact-window.js";
import { crowdBit, crowdKinds } from "../../../windows/window-store.js";
import type { ContactObservation, CrowdCount, StartObservation } from "../../../windows/window-store.js";
import { RecordType } from "./record-type.js";

const initialBytes = 4096;

/** Packs observations as records of the log, back to back; see `record-reader.ts` for the form. */
export class RecordWriter {
  private bytes = Buffer.allocUnsafe(initialBytes);
  private at = 0;

  get length(): number {
    return this.at;
  }

  /** What was written since the last call; valid until the next record. */
  take(): Buffer {
    const taken = this.bytes.subarray(0, this.at);
    this.bytes = Buffer.allocUnsafe(initialBytes);
    this.at = 0;
    return taken;
  }

  contact(contact: ContactObservation, isFailed: boolean): void {
    const { source, destination } = contact;
    const isShort = source.length === 4 && destination.length === 4;
    this.reserve(64);
    this.byte(RecordType.failed + (isFailed ? 0 : 1) + (isShort ? 0 : 2));
    if (isShort) {
      this.raw(source);
      this.raw(destination);
    } else {
      this.text(source);
      this.text(destination);
    }
    this.word(contact.port);
    this.byte(contact.protocol);
    this.byte(contact.outcome | (contact.stealth << 4));
    this.byte(contact.crowds | (contact.traits << 5));
    this.time(contact.timeMs);
    this.long(contact.sensor);
    if ((contact.crowds & crowdBit.fingerprint) !== 0) this.long(contact.fingerprint);
  }

  start({ host, direction, slice, positions }: StartObservation): void {
    this.reserve(32 + 2 * positions.length);
    this.byte(RecordType.start);
    this.text(host);
    this.byte(direction === "outbound" ? 1 : 0);
    this.long(slice);
    this.word(positions.length);
    for (const position of positions) this.word(position);
  }

  fact({ kind, subject, member, timeMs, value, sensor }: FactObservation): void {
    this.reserve(64 + subject.length + member.length);
    this.byte(RecordType.fact);
    this.byte(kind.id);
    this.text(subject);
    this.text(member);
    this.time(timeMs);
    this.at = this.bytes.writeDoubleLE(value, this.at);
    this.long(sensor);
  }

  count({ kind, subject, slice, count }: CrowdCount): void {
    this.reserve(64);
    this.byte(RecordType.count);
    this.byte(crowdKinds.indexOf(kind));
    this.text(subject);
    this.long(slice);
    this.long(count);
  }

  private reserve(more: number): void {
    if (this.at + more <= this.bytes.length) return;
    const longer = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + more));
    this.bytes.copy(longer, 0, 0, this.at);
    this.bytes = longer;
  }

  private byte(value: number): void {
    this.bytes[this.at++] = value;
  }

  private word(value: number): void {
    this.bytes[this.at++] = value;
    this.bytes[this.at++] = value >>> 8;
  }

  private long(value: number): void {
    this.word(value);
    this.word(value >>> 16);
  }

  private time(timeMs: number): void {
    this.long(timeMs % 0x1_0000_0000);
    this.word(Math.floor(timeMs / 0x1_0000_0000));
  }

  private raw(text: string): void {
    for (let i = 0; i < text.length; i++) this.bytes[this.at++] = text.charCodeAt(i);
  }

  private text(text: string): void {
    this.byte(text.length);
    this.raw(text);
  }
}
