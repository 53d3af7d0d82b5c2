import { closeSync, openSync, writeSync } from "node:fs";

const chunkBytes = 4 * 1024 * 1024;
const recordHeaderBytes = 16;
const magicMicroseconds = 0xa1b2c3d4;
const linkTypeEthernet = 1;
const snapLength = 262_144;

/**
 * Writes a capture file (little-endian pcap, microseconds, Ethernet) in large
 * chunks. A frame is built in place: `frame` gives zeroed room in `bytes`.
 */
export class PcapWriter {
  readonly bytes = new Uint8Array(chunkBytes);
  private readonly view = new DataView(this.bytes.buffer);
  private readonly file: number;
  private used = 0;
  /** Bytes of the file so far. */
  fileBytes = 0;

  constructor(path: string) {
    this.file = openSync(path, "w", 0o600);
    this.view.setUint32(0, magicMicroseconds, true);
    this.view.setUint16(4, 2, true);
    this.view.setUint16(6, 4, true);
    this.view.setUint32(16, snapLength, true);
    this.view.setUint32(20, linkTypeEthernet, true);
    this.used = 24;
  }

  /** Offset in `bytes` of a new frame of `length` bytes, valid until the next call. */
  frame(timeUs: number, length: number): number {
    if (this.used + recordHeaderBytes + length > chunkBytes) this.flush();
    const { view, used } = this;
    view.setUint32(used, Math.floor(timeUs / 1_000_000), true);
    view.setUint32(used + 4, timeUs % 1_000_000, true);
    view.setUint32(used + 8, length, true);
    view.setUint32(used + 12, length, true);
    const start = used + recordHeaderBytes;
    this.used = start + length;
    this.bytes.fill(0, start, this.used);
    return start;
  }

  close(): void {
    this.flush();
    closeSync(this.file);
  }

  private flush(): void {
    for (let at = 0; at < this.used;) at += writeSync(this.file, this.bytes, at, this.used - at);
    this.fileBytes += this.used;
    this.used = 0;
  }
}
