import { PacketBlock } from "./packet-source.js";

/**
 * Where things are in a packet's header (struct tpacket3_hdr, linux/if_packet.h),
 * in bytes. The address of the link layer (struct sockaddr_ll) comes after it.
 */
const secondsAt = 4;
const nanosecondsAt = 8;
const capturedLengthAt = 12;
const wireLengthAt = 16;
const statusAt = 20;
const dataOffsetAt = 24;
const vlanTagAt = 32;
const vlanTypeAt = 36;
const addressAt = 48;
const addressProtocolAt = addressAt + 2;
const addressInterfaceAt = addressAt + 4;
const addressHardwareTypeAt = addressAt + 8;
const addressPacketTypeAt = addressAt + 10;
const headersBytes = addressAt + 20;

/** Where a block's header (struct tpacket_hdr_v1) says whose it is, and the bit for: ours. */
const blockStatusAt = 8;
const statusUser = 1;

/** Where the network and the transport header of most packets are behind the packet's header, in words. */
const networkWords = 24;
const transportWords = 34;

const statusVlanValid = 1 << 4;
const statusVlanTypeValid = 1 << 6;
const packetTypeOutgoing = 4;
const etherTypeVlan = 0x8100;
const vlanTagBytes = 4;
const etherAddressesBytes = 12;
const cookedBytes = 16;

const linkTypeEthernet = 1;
const linkTypeCooked = 113;

/**
 * Reads the blocks of a ring into the columns of a PacketBlock, whose offsets
 * point into the ring itself. Words are little-endian, as the hosts it runs on. Nothing is copied but a VLAN tag, which the kernel
 * took out and which is put back, and the cooked header of packets that have no
 * Ethernet header. Whatever the headers say, nothing outside the block is read.
 */
export class RingBlockReader {
  /** Headers that contradict themselves; what comes after one in its block is not read. */
  recordsCorrupt = 0;
  /** Packets handed on. */
  packets = 0;
  /** Packets read, those left out included. */
  packetsRead = 0;
  /** Of no meaning: what was read only to bring it near, kept so that the compiler keeps the reads. */
  touched = 0;
  readonly #block: PacketBlock;
  readonly #words: Uint32Array;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #linkType: number;
  #nextBlock = 0;
  #isReading = false;

  /**
   * @param memory the ring, whole words
   * @param loopbackIndex outgoing packets of this interface are left out, they
   * arrive again; 0 for none
   */
  constructor(
    memory: ArrayBuffer,
    private readonly blockBytes: number,
    private readonly isCooked: boolean,
    private readonly loopbackIndex: number,
    private readonly onBlock: (block: PacketBlock) => void,
    packetsMax: number = 256,
  ) {
    this.#block = new PacketBlock(packetsMax);
    this.#words = new Uint32Array(memory);
    this.#view = new DataView(memory);
    this.#bytes = new Uint8Array(memory);
    this.#block.bytes = this.#bytes;
    this.#block.view = this.#view;
    this.#linkType = isCooked ? linkTypeCooked : linkTypeEthernet;
    this.#block.linkType.fill(this.#linkType);
  }

  /** There are packets that were not read yet, beside those of a block that still fills. */
  get isBehind(): boolean {
    return this.#isReading || (this.#words[(this.#nextBlock + blockStatusAt) >> 2] & statusUser) !== 0;
  }

  /**
   * Reads `packets` packets of the block at `blockOffset` (a multiple of the
   * block's size), the first at `firstPacketOffset` within it.
   */
  read(blockOffset: number, firstPacketOffset: number, packets: number): void {
    const end = blockOffset + this.blockBytes;
    if (end > this.#bytes.length) return void this.recordsCorrupt++;
    this.#isReading = true;
    this.#walk(blockOffset + firstPacketOffset, end, packets);
    this.#isReading = false;
    this.#nextBlock = end === this.#bytes.length ? 0 : end;
  }

  /**
   * One loop, because it runs for every packet. Where a packet begins is known
   * only when the header before it came from memory; while it waits for that the
   * processor fetches what decode will read of the packet at hand, if it is told.
   */
  #walk(first: number, end: number, packets: number): void {
    const block = this.#block;
    const words = this.#words;
    const { offset, capturedLength, wireLength, timeUs, packetsMax } = block;
    const lastWord = (end >> 2) - 1;
    let header = first;
    let count = 0;
    let touched = 0;
    let left = packets;
    for (; left > 0; left--) {
      if ((header & 7) !== 0 || header + headersBytes > end) break;
      const word = header >> 2;
      const next = words[word];
      const captured = words[word + (capturedLengthAt >> 2)];
      // The offset of the network layer is in the upper half.
      const dataOffset = words[word + (dataOffsetAt >> 2)] & 0xffff;
      const data = header + dataOffset;
      if (dataOffset < headersBytes || data + captured > end) break;
      touched |= words[Math.min(word + networkWords, lastWord)];
      touched |= words[Math.min(word + transportWords, lastWord)];
      offset[count] = data;
      capturedLength[count] = captured;
      wireLength[count] = words[word + (wireLengthAt >> 2)];
      const micros = (words[word + (nanosecondsAt >> 2)] / 1000) >>> 0;
      timeUs[count] = words[word + (secondsAt >> 2)] * 1e6 + micros;
      this.packetsRead++;
      if (this.isCooked) count += this.#addCookedHeader(header, count) ? 1 : 0;
      else {
        if ((words[word + (statusAt >> 2)] & statusVlanValid) !== 0) this.#addVlanTag(header, count);
        count++;
      }
      if (count === packetsMax) {
        this.#deliver(count);
        count = 0;
      }
      // Forward only, so that the walk ends; 0 after the last packet.
      if (next < headersBytes && left > 1) break;
      header += next;
    }
    this.touched = touched;
    // The packets before a contradiction are good.
    if (left > 0) this.recordsCorrupt++;
    this.#deliver(count);
  }

  /** Puts the tag behind the addresses, which move into the room before the packet. */
  #addVlanTag(header: number, i: number): void {
    const block = this.#block;
    const data = block.offset[i];
    if (data - header < headersBytes + vlanTagBytes || block.capturedLength[i] < etherAddressesBytes) return;
    const start = data - vlanTagBytes;
    this.#bytes.copyWithin(start, data, data + etherAddressesBytes);
    this.#writeVlanTag(header, start + etherAddressesBytes);
    this.#grow(i, vlanTagBytes);
  }

  /**
   * Linux cooked capture, version 1, in the room before the packet; what decode
   * does not read stays zero. False for a packet that is left out.
   */
  #addCookedHeader(header: number, i: number): boolean {
    const view = this.#view;
    if (this.#isLoopbackOutgoing(header)) return false;
    const isTagged = (view.getUint32(header + statusAt, true) & statusVlanValid) !== 0;
    const bytes = cookedBytes + (isTagged ? vlanTagBytes : 0);
    const data = this.#block.offset[i];
    // The kernel leaves this much for a link layer of its own.
    if (data - header < headersBytes + bytes) {
      this.recordsCorrupt++;
      return false;
    }
    const start = data - bytes;
    const protocol = view.getUint16(header + addressProtocolAt);
    this.#bytes.fill(0, start, start + cookedBytes);
    view.setUint16(start, view.getUint8(header + addressPacketTypeAt));
    view.setUint16(start + 2, view.getUint16(header + addressHardwareTypeAt, true));
    if (isTagged) {
      this.#writeVlanTag(header, start + cookedBytes - 2);
      view.setUint16(start + cookedBytes + 2, protocol);
    } else view.setUint16(start + cookedBytes - 2, protocol);
    this.#grow(i, bytes);
    return true;
  }

  #isLoopbackOutgoing(header: number): boolean {
    if (this.loopbackIndex === 0) return false;
    return (
      this.#view.getUint8(header + addressPacketTypeAt) === packetTypeOutgoing &&
      this.#view.getUint32(header + addressInterfaceAt, true) === this.loopbackIndex
    );
  }

  #writeVlanTag(header: number, at: number): void {
    const view = this.#view;
    const hasType = (view.getUint32(header + statusAt, true) & statusVlanTypeValid) !== 0;
    view.setUint16(at, hasType ? view.getUint16(header + vlanTypeAt, true) : etherTypeVlan);
    view.setUint16(at + 2, view.getUint32(header + vlanTagAt, true));
  }

  #grow(i: number, bytes: number): void {
    const block = this.#block;
    block.offset[i] -= bytes;
    block.capturedLength[i] += bytes;
    block.wireLength[i] += bytes;
  }

  #deliver(count: number): void {
    if (count === 0) return;
    const block = this.#block;
    this.packets += count;
    block.count = count;
    this.onBlock(block);
    block.count = 0;
  }
}
