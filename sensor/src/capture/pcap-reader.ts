import type { PacketBlock } from "./packet-source.js";
import { type FileChunk, packetBytesMax, type RecordReader } from "./record-reader.js";

/** Length of the header of a pcap file. */
export const pcapFileHeaderBytes = 24;
const recordHeaderBytes = 16;

const magicMicroseconds = 0xa1b2c3d4;
const magicNanoseconds = 0xa1b23c4d;

/** What the header of a pcap file says (draft-ietf-opsawg-pcap). */
export interface PcapHeader {
  readonly isLittleEndian: boolean;
  readonly isNanoseconds: boolean;
  readonly majorVersion: number;
  readonly linkType: number;
}

/** Reads the file header; undefined when the bytes do not begin like pcap or are too few. */
export function readPcapHeader(head: Uint8Array): PcapHeader | undefined {
  if (head.length < pcapFileHeaderBytes || !isPcapMagic(head)) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const isLittleEndian = isMagic(view.getUint32(0, true));
  return {
    isLittleEndian,
    isNanoseconds: view.getUint32(0, isLittleEndian) === magicNanoseconds,
    majorVersion: view.getUint16(4, isLittleEndian),
    // The upper half may tell the length of the frame check sequence.
    linkType: view.getUint32(20, isLittleEndian) & 0xffff,
  };
}

/** True when the bytes begin like a pcap file of either byte order. */
export function isPcapMagic(head: Uint8Array): boolean {
  if (head.length < 4) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  return isMagic(view.getUint32(0)) || isMagic(view.getUint32(0, true));
}

function isMagic(word: number): boolean {
  return word === magicMicroseconds || word === magicNanoseconds;
}

/** Reads the records of a pcap file. */
export class PcapReader implements RecordReader {
  corruptReason: string | undefined;
  readonly recordsSkipped = 0;
  readonly isWithinRecord = false;

  constructor(private readonly header: PcapHeader) {}

  /** One loop without calls: this runs for every packet of a file. */
  read(chunk: FileChunk, block: PacketBlock): void {
    const { view, end } = chunk;
    const { isLittleEndian, isNanoseconds, linkType } = this.header;
    const packetsMax = block.packetsMax;
    let position = chunk.start;
    let count = block.count;
    while (count < packetsMax && end - position >= recordHeaderBytes) {
      const captured = view.getUint32(position + 8, isLittleEndian);
      if (captured > packetBytesMax) {
        this.corruptReason = `a record claims ${captured} bytes, more than any packet has`;
        break;
      }
      if (end - position - recordHeaderBytes < captured) break;
      const wire = view.getUint32(position + 12, isLittleEndian);
      const fraction = view.getUint32(position + 4, isLittleEndian);
      const micros = isNanoseconds ? Math.floor(fraction / 1000) : fraction;
      block.timeUs[count] = view.getUint32(position, isLittleEndian) * 1e6 + micros;
      position += recordHeaderBytes;
      block.offset[count] = position;
      block.capturedLength[count] = captured;
      block.wireLength[count] = wire < captured ? captured : wire;
      block.linkType[count] = linkType;
      position += captured;
      count++;
    }
    block.count = count;
    chunk.start = position;
  }
}
