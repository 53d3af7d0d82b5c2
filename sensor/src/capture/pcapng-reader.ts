import type { PacketBlock } from "./packet-source.js";
import { type PcapngInterface, readPcapngInterface } from "./pcapng-interface.js";
import { type FileChunk, packetBytesMax, type RecordReader } from "./record-reader.js";

/** First word of every pcapng file, a palindrome: the section header block. */
const sectionHeaderType = 0x0a0d0d0a;
const byteOrderMagic = 0x1a2b3c4d;

const BlockType = { interfaceDescription: 1, packet: 2, simplePacket: 3, enhancedPacket: 6 } as const;

const blockOverheadBytes = 12;
const sectionHeaderBytesMin = 28;
const interfaceBytesMin = 20;
const simplePacketBytesMin = 16;
const packetBytesMin = 32;
const packetHeaderBytes = 28;

/** A block that must be in memory as a whole: the packet and its options. */
const wholeBlockBytesMax = packetBytesMax + 65_536;
/** Interfaces of one section that are kept. */
const interfacesMax = 65_536;

/** True when the bytes begin like a pcapng file. */
export function isPcapngMagic(head: Uint8Array): boolean {
  if (head.length < 4) return false;
  return new DataView(head.buffer, head.byteOffset, head.length).getUint32(0) === sectionHeaderType;
}

/** True when the bytes begin with a section header whose byte order can be told. */
export function isPcapngSection(head: Uint8Array): boolean {
  if (head.length < blockOverheadBytes || !isPcapngMagic(head)) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  return view.getUint32(8) === byteOrderMagic || view.getUint32(8, true) === byteOrderMagic;
}

/** Reads the blocks of a pcapng file (draft-ietf-opsawg-pcapng). */
export class PcapngReader implements RecordReader {
  corruptReason: string | undefined;
  recordsSkipped = 0;
  private isLittleEndian = true;
  private interfaces: PcapngInterface[] = [];
  /** Bytes of an uninteresting block that are still to be passed over. */
  private skipBytes = 0;
  /** Simple packets have no time of their own: they take the last one seen. */
  private lastTimeUs = 0;

  get isWithinRecord(): boolean {
    return this.skipBytes > 0;
  }

  read(chunk: FileChunk, block: PacketBlock): void {
    while (this.corruptReason === undefined && block.count < block.packetsMax) {
      if (this.skipBytes > 0 && !this.skip(chunk)) return;
      if (!this.readBlock(chunk, block)) return;
    }
  }

  private skip(chunk: FileChunk): boolean {
    const skipped = Math.min(this.skipBytes, chunk.end - chunk.start);
    chunk.start += skipped;
    this.skipBytes -= skipped;
    return this.skipBytes === 0;
  }

  /** False when the chunk ends within the block, or the file is corrupt. */
  private readBlock(chunk: FileChunk, block: PacketBlock): boolean {
    const { view, start } = chunk;
    const available = chunk.end - start;
    if (available < blockOverheadBytes) return false;
    const type = view.getUint32(start, this.isLittleEndian);
    if (type === sectionHeaderType && !this.readByteOrder(view, start)) return false;
    const length = view.getUint32(start + 4, this.isLittleEndian);
    if (length < blockOverheadBytes || (length & 3) !== 0)
      return this.corrupt(`a block claims ${length} bytes`);
    if (!isRead(type)) {
      this.skipBytes = length;
      return true;
    }
    if (length > wholeBlockBytesMax) return this.corrupt(`a block of type ${type} claims ${length} bytes`);
    if (available < length) return false;
    if (view.getUint32(start + length - 4, this.isLittleEndian) !== length) {
      return this.corrupt("the two lengths of a block differ");
    }
    chunk.start += length;
    return this.readBody(type, view, start, length, block);
  }

  private readByteOrder(view: DataView, start: number): boolean {
    if (view.getUint32(start + 8, true) === byteOrderMagic) this.isLittleEndian = true;
    else if (view.getUint32(start + 8) === byteOrderMagic) this.isLittleEndian = false;
    else return this.corrupt("a section header has no byte-order magic");
    return true;
  }

  private readBody(type: number, view: DataView, start: number, length: number, block: PacketBlock): boolean {
    switch (type) {
      case BlockType.enhancedPacket:
      case BlockType.packet:
        return this.readPacket(type, view, start, length, block);
      case BlockType.simplePacket:
        return this.readSimplePacket(view, start, length, block);
      case BlockType.interfaceDescription:
        return this.readInterface(view, start, length);
      default:
        return this.readSection(view, start, length);
    }
  }

  private readSection(view: DataView, start: number, length: number): boolean {
    if (length < sectionHeaderBytesMin) return this.corrupt("a section header is too short");
    const version = view.getUint16(start + 12, this.isLittleEndian);
    if (version !== 1) return this.corrupt(`a section has version ${version}, only version 1 is known`);
    this.interfaces = [];
    return true;
  }

  private readInterface(view: DataView, start: number, length: number): boolean {
    if (length < interfaceBytesMin) return this.corrupt("an interface description is too short");
    if (this.interfaces.length >= interfacesMax) return this.corrupt("a section has too many interfaces");
    this.interfaces.push(readPcapngInterface(view, start + 8, start + length - 4, this.isLittleEndian));
    return true;
  }

  /** Enhanced and obsolete packet blocks differ only in the width of the interface id. */
  private readPacket(
    type: number,
    view: DataView,
    start: number,
    length: number,
    block: PacketBlock,
  ): boolean {
    if (length < packetBytesMin) return this.corrupt("a packet block is too short");
    const order = this.isLittleEndian;
    const id =
      type === BlockType.packet ? view.getUint16(start + 8, order) : view.getUint32(start + 8, order);
    const captured = view.getUint32(start + 20, order);
    if (captured > length - packetBytesMin) return this.corrupt("a packet is longer than its block");
    const origin = this.interfaces[id];
    if (origin === undefined) return this.skipRecord();
    const high = view.getUint32(start + 12, order);
    const timeUs = origin.timestamps.toMicroseconds(high, view.getUint32(start + 16, order));
    if (!(timeUs >= 0 && timeUs <= Number.MAX_SAFE_INTEGER)) return this.skipRecord();
    this.lastTimeUs = timeUs;
    const wire = view.getUint32(start + 24, order);
    return this.append(block, origin, start + packetHeaderBytes, captured, wire);
  }

  private readSimplePacket(view: DataView, start: number, length: number, block: PacketBlock): boolean {
    if (length < simplePacketBytesMin) return this.corrupt("a packet block is too short");
    const origin = this.interfaces[0];
    if (origin === undefined) return this.skipRecord();
    const wire = view.getUint32(start + 8, this.isLittleEndian);
    const snapLength = origin.snapLength === 0 ? wire : origin.snapLength;
    const captured = Math.min(wire, snapLength, length - simplePacketBytesMin);
    return this.append(block, origin, start + 12, captured, wire);
  }

  private append(
    block: PacketBlock,
    origin: PcapngInterface,
    offset: number,
    captured: number,
    wire: number,
  ): boolean {
    if (captured > packetBytesMax) return this.corrupt(`a packet claims ${captured} bytes`);
    const index = block.count++;
    block.offset[index] = offset;
    block.capturedLength[index] = captured;
    block.wireLength[index] = Math.max(wire, captured);
    block.timeUs[index] = this.lastTimeUs;
    block.linkType[index] = origin.linkType;
    return true;
  }

  /** An interface nobody described, or no time on earth: the blocks behind it can still be read. */
  private skipRecord(): boolean {
    this.recordsSkipped++;
    return true;
  }

  private corrupt(reason: string): boolean {
    this.corruptReason = reason;
    return false;
  }
}

function isRead(type: number): boolean {
  return (
    type === BlockType.enhancedPacket ||
    type === BlockType.packet ||
    type === BlockType.simplePacket ||
    type === BlockType.interfaceDescription ||
    type === sectionHeaderType
  );
}
