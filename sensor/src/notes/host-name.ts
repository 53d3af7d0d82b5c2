import { nameBytesMax } from "@picket/proto/batch/flow-columns.js";

/** What became of a name that a message should have. */
export const NameResult = {
  /** The bytes are no such message. */
  noMessage: 0,
  /** A message that names nobody (the root, a hello without the extension). */
  none: 1,
  /** The name is in the `HostName`. */
  found: 2,
  /** The captured bytes end inside the name or before it. */
  truncated: 3,
  /** Not a host name: bytes outside printable ASCII, or too long. */
  refused: 4,
} as const;
export type NameResult = (typeof NameResult)[keyof typeof NameResult];

const labelBytesMax = 63;
const dot = 0x2e;

/** Each byte of a label in lower case; 0 for what no label may hold. */
const labelByte = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte <= 0x20 || byte >= 0x7f || byte === dot) return 0;
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
});

/** A host name being read, in lower case without the last dot; one object, reused. */
export class HostName {
  readonly bytes = new Uint8Array(nameBytesMax);
  length = 0;

  clear(): void {
    this.length = 0;
  }

  /** Adds a label of 1 to 63 bytes at `offset`; false when it is none or the name gets too long. */
  addLabel(bytes: Uint8Array, offset: number, length: number): boolean {
    if (length < 1 || length > labelBytesMax) return false;
    let position = this.length;
    if (position + length + (position === 0 ? 0 : 1) > nameBytesMax) return false;
    if (position !== 0) this.bytes[position++] = dot;
    for (let at = offset; at < offset + length; at++) {
      const byte = labelByte[bytes[at]];
      if (byte === 0) return false;
      this.bytes[position++] = byte;
    }
    this.length = position;
    return true;
  }

  /** Takes a whole name in dotted form, with or without a last dot; false when it is none. */
  setDotted(bytes: Uint8Array, offset: number, length: number): boolean {
    this.clear();
    const end = length > 1 && bytes[offset + length - 1] === dot ? offset + length - 1 : offset + length;
    if (end - offset > nameBytesMax) return false;
    let start = offset;
    for (let at = offset; at <= end; at++) {
      if (at < end && bytes[at] !== dot) continue;
      if (!this.addLabel(bytes, start, at - start)) return false;
      start = at + 1;
    }
    return true;
  }

  toString(): string {
    return String.fromCharCode(...this.bytes.subarray(0, this.length));
  }
}
