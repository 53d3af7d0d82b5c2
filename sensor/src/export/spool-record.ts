import { crc32c } from "./crc32c.js";
import type { FlowTotals } from "./gap.js";
import type { SpoolItem } from "./spool.js";

/**
 * A record of a segment file, little-endian:
 * magic u32, payload length u32, sequence f64, records u32, kind u32,
 * packets f64, bytes f64, from f64, to f64, CRC of the payload u32, CRC of the
 * 60 bytes so far u32, payload. The header has a CRC of its own, so that a
 * record whose payload is damaged is still counted exactly.
 */
export const recordHeaderBytes = 64;
/** More is never written: a batch is at most 64 KiB. */
export const payloadBytesMax = 1 << 20;

const magic = 0x52434b50;
const kinds = ["batch", "gap"] as const;

/** The header of a record as read back. */
export interface SpoolRecordHeader {
  readonly kind: SpoolItem["kind"];
  readonly sequence: number;
  readonly totals: FlowTotals;
  readonly payloadBytes: number;
  readonly payloadCrc: number;
}

/** Writes header and payload of one item to `target` at `offset`, which has room for both. */
export function encodeSpoolRecord(item: SpoolItem, target: Buffer, offset: number): void {
  const { kind, sequence, bytes, totals } = item;
  target.writeUInt32LE(magic, offset);
  target.writeUInt32LE(bytes.length, offset + 4);
  target.writeDoubleLE(sequence, offset + 8);
  target.writeUInt32LE(totals.records, offset + 16);
  target.writeUInt32LE(kinds.indexOf(kind), offset + 20);
  target.writeDoubleLE(totals.packets, offset + 24);
  target.writeDoubleLE(totals.bytes, offset + 32);
  target.writeDoubleLE(totals.fromUs, offset + 40);
  target.writeDoubleLE(totals.toUs, offset + 48);
  target.writeUInt32LE(crc32c(bytes), offset + 56);
  target.writeUInt32LE(crc32c(target, offset, offset + 60), offset + 60);
  target.set(bytes, offset + recordHeaderBytes);
}

/** The header at `offset`, or undefined when there is no whole, undamaged one. */
export function decodeSpoolRecordHeader(bytes: Buffer, offset = 0): SpoolRecordHeader | undefined {
  if (offset + recordHeaderBytes > bytes.length) return undefined;
  if (bytes.readUInt32LE(offset) !== magic) return undefined;
  if (bytes.readUInt32LE(offset + 60) !== crc32c(bytes, offset, offset + 60)) return undefined;
  const payloadBytes = bytes.readUInt32LE(offset + 4);
  const kind = kinds[bytes.readUInt32LE(offset + 20)];
  if (payloadBytes > payloadBytesMax || kind === undefined) return undefined;
  return {
    kind,
    sequence: bytes.readDoubleLE(offset + 8),
    payloadBytes,
    payloadCrc: bytes.readUInt32LE(offset + 56),
    totals: {
      records: bytes.readUInt32LE(offset + 16),
      packets: bytes.readDoubleLE(offset + 24),
      bytes: bytes.readDoubleLE(offset + 32),
      fromUs: bytes.readDoubleLE(offset + 40),
      toUs: bytes.readDoubleLE(offset + 48),
    },
  };
}

/** Offset of the next undamaged header at or after `from`; -1 when there is none. */
export function findSpoolRecord(bytes: Buffer, from: number): number {
  const pattern = Buffer.allocUnsafe(4);
  pattern.writeUInt32LE(magic, 0);
  for (let at = bytes.indexOf(pattern, from); at >= 0; at = bytes.indexOf(pattern, at + 1)) {
    if (decodeSpoolRecordHeader(bytes, at) !== undefined) return at;
  }
  return -1;
}
