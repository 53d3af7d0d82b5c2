/**
 * Builds capture files for tests, in every byte order and resolution.
 */

/** A packet as a capture file stores it. */
export interface StoredPacket {
  /** Whole seconds, and the rest in units of the file's resolution. */
  seconds?: number;
  fraction?: number;
  bytes: Uint8Array;
  wireLength?: number;
}

/** How a pcap file is written. */
export interface PcapOptions {
  isLittleEndian?: boolean;
  isNanoseconds?: boolean;
  linkType?: number;
  majorVersion?: number;
}

/** A pcap file. */
export function pcapFile(packets: readonly StoredPacket[], options: PcapOptions = {}): Uint8Array {
  const writer = new ByteWriter(options.isLittleEndian ?? true);
  writer.u32(options.isNanoseconds === true ? 0xa1b23c4d : 0xa1b2c3d4);
  writer
    .u16(options.majorVersion ?? 2)
    .u16(4)
    .u32(0)
    .u32(0)
    .u32(262_144);
  writer.u32(options.linkType ?? 1);
  for (const packet of packets) {
    writer.u32(packet.seconds ?? 0).u32(packet.fraction ?? 0);
    writer.u32(packet.bytes.length).u32(packet.wireLength ?? packet.bytes.length);
    writer.raw(packet.bytes);
  }
  return writer.finish();
}

/** An option of a pcapng block. */
export interface PcapngOption {
  code: number;
  value: Uint8Array;
}

/** Writes pcapng blocks one after the other. */
export class PcapngBuilder {
  private readonly writer: ByteWriter;

  constructor(private readonly isLittleEndian = true) {
    this.writer = new ByteWriter(isLittleEndian);
  }

  section(majorVersion = 1): this {
    const body = this.body().u32(0x1a2b3c4d).u16(majorVersion).u16(0).u32(0xffffffff).u32(0xffffffff);
    return this.block(0x0a0d0d0a, body);
  }

  interface(linkType: number, snapLength = 0, options: readonly PcapngOption[] = []): this {
    const body = this.body().u16(linkType).u16(0).u32(snapLength);
    for (const option of options) body.u16(option.code).u16(option.value.length).raw(option.value).pad();
    if (options.length > 0) body.u32(0);
    return this.block(1, body);
  }

  /** An enhanced packet; `ticks` in the resolution of its interface. */
  packet(bytes: Uint8Array, ticks: bigint, interfaceId = 0, wireLength = bytes.length): this {
    const body = this.body().u32(interfaceId);
    body.u32(Number(ticks >> 32n)).u32(Number(ticks & 0xffffffffn));
    return this.block(6, body.u32(bytes.length).u32(wireLength).raw(bytes).pad());
  }

  /** An obsolete packet block. */
  oldPacket(bytes: Uint8Array, ticks: bigint, interfaceId = 0): this {
    const body = this.body().u16(interfaceId).u16(0);
    body.u32(Number(ticks >> 32n)).u32(Number(ticks & 0xffffffffn));
    return this.block(2, body.u32(bytes.length).u32(bytes.length).raw(bytes).pad());
  }

  simplePacket(bytes: Uint8Array, wireLength = bytes.length): this {
    return this.block(3, this.body().u32(wireLength).raw(bytes).pad());
  }

  /** Any block; the lengths are right unless `claimedLength` says otherwise. */
  block(type: number, body: ByteWriter, claimedLength?: number): this {
    const bytes = body.finish();
    const length = claimedLength ?? bytes.length + 12;
    this.writer.u32(type).u32(length).raw(bytes).u32(length);
    return this;
  }

  /** A writer for the body of a block in this file's byte order. */
  body(): ByteWriter {
    return new ByteWriter(this.isLittleEndian);
  }

  finish(): Uint8Array {
    return this.writer.finish();
  }
}

/** Appends numbers in one byte order. */
export class ByteWriter {
  private readonly bytes: number[] = [];

  constructor(private readonly isLittleEndian: boolean) {}

  u16(value: number): this {
    return this.number([value & 0xff, (value >>> 8) & 0xff]);
  }

  u32(value: number): this {
    return this.number([value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24]);
  }

  raw(bytes: Uint8Array): this {
    for (const byte of bytes) this.bytes.push(byte);
    return this;
  }

  /** Fills up to a multiple of four. */
  pad(): this {
    while (this.bytes.length % 4 !== 0) this.bytes.push(0);
    return this;
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.bytes);
  }

  private number(littleEndian: number[]): this {
    this.bytes.push(...(this.isLittleEndian ? littleEndian : littleEndian.reverse()));
    return this;
  }
}
