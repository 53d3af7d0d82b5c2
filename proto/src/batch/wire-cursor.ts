import { wireType } from "./flow-batch-fields.js";

/** Why a message could not be read any further. */
export type WireError = "truncated" | "varint" | "wire-type";

/** Deepest nesting of unknown groups that is skipped. */
const groupDepthMax = 16;

/**
 * Reads protobuf values one after the other from a message, within its bounds
 * and without allocating. After a failure `error` says why and what the
 * readers return means nothing.
 */
export class WireCursor {
  bytes: Uint8Array = new Uint8Array(0);
  position = 0;
  /** One past the last byte to read. */
  end = 0;
  error: WireError | undefined;
  /** The varint read last: its lowest 28 bits, and the value of the bits above them. */
  private low = 0;
  private high = 0;

  /** Starts over at the first byte of a message. */
  open(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.position = 0;
    this.end = bytes.length;
    this.error = undefined;
  }

  /** A varint as a number; inexact from 2^53. Negative after a failure. Up to three bytes the short way. */
  varint(): number {
    const { bytes, position } = this;
    if (this.end - position >= 3) {
      const first = bytes[position];
      if (first < 0x80) {
        this.position = position + 1;
        return first;
      }
      const second = bytes[position + 1];
      if (second < 0x80) {
        this.position = position + 2;
        return (first & 0x7f) | (second << 7);
      }
      const third = bytes[position + 2];
      if (third < 0x80) {
        this.position = position + 3;
        return (first & 0x7f) | ((second & 0x7f) << 7) | (third << 14);
      }
    }
    return this.readParts() ? this.high * 0x1000_0000 + this.low : -1;
  }

  /** A zigzag varint as a number; inexact from a magnitude of 2^53. */
  zigzag(): number {
    if (!this.readParts()) return 0;
    const magnitude = this.high * 0x800_0000 + (this.low >>> 1);
    return (this.low & 1) === 1 ? -1 - magnitude : magnitude;
  }

  /** A little-endian 64-bit value as a number; inexact from 2^53. */
  fixed64(): number {
    const at = this.position;
    if (!this.skipBytes(8)) return 0;
    return this.word(at + 4) * 0x1_0000_0000 + this.word(at);
  }

  /** The end of the bytes whose length comes next; the position is at their first byte. */
  bytesEnd(): number {
    const length = this.varint();
    if (this.error === undefined && length > this.end - this.position) this.error = "truncated";
    return this.position + length;
  }

  /** Skips the value of an unknown field whose tag was just read. */
  skip(tag: number): undefined {
    let depth = 0;
    let current = tag;
    do {
      const wire = current & 7;
      if (wire === wireType.groupStart) depth++;
      else if (wire === wireType.groupEnd) depth--;
      else this.skipValue(wire);
      if (depth < 0 || depth > groupDepthMax) this.error = "wire-type";
      if (depth > 0 && this.error === undefined) current = this.tag();
    } while (depth > 0 && this.error === undefined);
  }

  /** The next tag, at least 8 (field 1). */
  tag(): number {
    const tag = this.varint();
    if (this.error === undefined && (tag < 8 || tag >= 0x1_0000_0000)) this.error = "wire-type";
    return tag;
  }

  private skipValue(wire: number): void {
    if (wire === wireType.varint) this.readParts();
    else if (wire === wireType.fixed64) this.skipBytes(8);
    else if (wire === wireType.fixed32) this.skipBytes(4);
    else if (wire !== wireType.bytes) this.error = "wire-type";
    else {
      const end = this.bytesEnd();
      if (this.error === undefined) this.position = end;
    }
  }

  private skipBytes(count: number): boolean {
    if (count > this.end - this.position) {
      this.error = "truncated";
      return false;
    }
    this.position += count;
    return true;
  }

  private word(at: number): number {
    const { bytes } = this;
    return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
  }

  /** A varint of up to ten bytes: four into `low`, the others into `high`. Up to five bytes the short way. */
  private readParts(): boolean {
    const { bytes, position } = this;
    if (this.end - position < 5) return this.readLongParts();
    const first = bytes[position];
    let low = first & 0x7f;
    if (first < 0x80) return this.keep(low, 0, position + 1);
    const second = bytes[position + 1];
    low |= (second & 0x7f) << 7;
    if (second < 0x80) return this.keep(low, 0, position + 2);
    const third = bytes[position + 2];
    low |= (third & 0x7f) << 14;
    if (third < 0x80) return this.keep(low, 0, position + 3);
    const fourth = bytes[position + 3];
    low |= (fourth & 0x7f) << 21;
    if (fourth < 0x80) return this.keep(low, 0, position + 4);
    const fifth = bytes[position + 4];
    return fifth < 0x80 ? this.keep(low, fifth, position + 5) : this.readLongParts();
  }

  private readLongParts(): boolean {
    const { bytes, end } = this;
    let at = this.position;
    let low = 0;
    let high = 0;
    let scale = 1;
    for (let index = 0; index < 10; index++) {
      if (at >= end) return this.fail("truncated");
      const byte = bytes[at++];
      if (index < 4) {
        low |= (byte & 0x7f) << (7 * index);
      } else {
        high += (byte & 0x7f) * scale;
        scale *= 0x80;
      }
      if (byte < 0x80) return this.keep(low, high, at);
    }
    return this.fail("varint");
  }

  private keep(low: number, high: number, position: number): true {
    this.low = low;
    this.high = high;
    this.position = position;
    return true;
  }

  private fail(error: WireError): false {
    this.error = error;
    return false;
  }
}
