import { crc32 } from "node:zlib";

/** One encoded batch as the flow log keeps it. */
export interface FlowLogEntry {
  readonly sensor: string;
  /** When it reached the correlator, milliseconds. */
  readonly ingestMs: number;
  /** picket.v1.FlowBatch */
  readonly bytes: Uint8Array;
}

/** Length of the rest, and its CRC-32; both 32 bits, little endian. */
const headBytes = 8;
/** Ingest time as a 64-bit float, and the length of the name. */
const fixedBytes = 9;
const entryBytesMax = 128 * 1024;

/** Bytes of an entry: head, ingest time, name, batch. */
export function encodeEntry(entry: FlowLogEntry): Uint8Array {
  const name = Buffer.from(entry.sensor, "utf8").subarray(0, 255);
  const out = Buffer.alloc(headBytes + fixedBytes + name.length + entry.bytes.length);
  out.writeDoubleLE(entry.ingestMs, headBytes);
  out.writeUInt8(name.length, headBytes + 8);
  out.set(name, headBytes + fixedBytes);
  out.set(entry.bytes, headBytes + fixedBytes + name.length);
  out.writeUInt32LE(out.length - headBytes, 0);
  out.writeUInt32LE(crc32(out.subarray(headBytes)), 4);
  return out;
}

/** Entries of a segment up to the first that is cut off or damaged. */
export function* decodeEntries(bytes: Uint8Array): Generator<FlowLogEntry> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (at + headBytes <= buffer.length) {
    const length = buffer.readUInt32LE(at);
    const end = at + headBytes + length;
    if (length < fixedBytes || length > entryBytesMax || end > buffer.length) return;
    const body = buffer.subarray(at + headBytes, end);
    if (crc32(body) !== buffer.readUInt32LE(at + 4)) return;
    const nameEnd = fixedBytes + body.readUInt8(8);
    if (nameEnd > body.length) return;
    yield {
      sensor: body.toString("utf8", fixedBytes, nameEnd),
      ingestMs: body.readDoubleLE(0),
      bytes: body.subarray(nameEnd),
    };
    at = end;
  }
}
