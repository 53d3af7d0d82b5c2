import { PicketError } from "@picket/proto/picket-error.js";
import { type ByteSource, openByteSource } from "./byte-source.js";
import { describeForeignFormat } from "./foreign-format.js";
import { GunzipSource, isGzip } from "./gunzip-source.js";
import { PacketBlock, type PacketSource, type PacketSourceCounters } from "./packet-source.js";
import { isPcapMagic, pcapFileHeaderBytes, PcapReader, readPcapHeader } from "./pcap-reader.js";
import { isPcapngMagic, isPcapngSection, PcapngReader } from "./pcapng-reader.js";
import { type FileChunk, packetBytesMax, type RecordReader } from "./record-reader.js";

/** Small enough that a read and its packets stay in the second-level cache. */
const readBytes = 256 * 1024;
/** Enough to tell every format: the fixed part of a pcapng section header. */
const headBytes = 28;
/**
 * Where every read lands; before it there is room for the part of a record
 * that the last read cut off. The 48 bytes keep the place off the first 32
 * bytes of a page (a large array begins 16 bytes behind a page boundary):
 * there, AMD processors copy from the page cache five times slower.
 */
const readStart = 2 * packetBytesMax + 48;

/**
 * A capture file as a packet source: pcap and pcapng, either of them gzipped,
 * from a path or standard input (`-`). Damage ends the file: it is counted in
 * `recordsCorrupt`, told by `truncatedReason`, and everything before it counts.
 */
export class CaptureFile implements PacketSource {
  readonly counters: PacketSourceCounters = { packetsReceived: 0, packetsDropped: 0, recordsCorrupt: 0 };
  /** One line that says why the file ended before its end. */
  truncatedReason: string | undefined;
  private isEnded = false;

  private constructor(
    readonly name: string,
    private readonly source: ByteSource,
    private readonly chunk: FileChunk,
    private readonly reader: RecordReader,
  ) {}

  /**
   * Opens a file and reads its header. Throws PicketError FILE_UNREADABLE, or
   * CAPTURE_FORMAT when it is no capture, with one line that says what it is.
   */
  static async open(path: string): Promise<CaptureFile> {
    const name = path === "-" ? "standard input" : path;
    let source = await openByteSource(path);
    const chunk = newChunk();
    try {
      await readHead(source, chunk);
      const head = chunk.bytes.subarray(chunk.start, chunk.end);
      if (isGzip(head)) {
        source = new GunzipSource(source, head.slice());
        chunk.end = chunk.start;
        await readHead(source, chunk);
      }
      return new CaptureFile(name, source, chunk, selectReader(name, chunk, source));
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /**
   * Fills `block` with the next packets; false at the end. The packets stay
   * valid until the next call, which reuses their memory.
   */
  async next(block: PacketBlock): Promise<boolean> {
    block.count = 0;
    block.bytes = this.chunk.bytes;
    block.view = this.chunk.view;
    while (!this.isEnded) {
      this.reader.read(this.chunk, block);
      if (block.count > 0) break;
      if (this.reader.corruptReason !== undefined) await this.end(this.reader.corruptReason);
      else if (!(await this.refill())) await this.endOfFile();
    }
    this.counters.packetsReceived += block.count;
    return block.count > 0;
  }

  async run(onBlock: (block: PacketBlock) => void): Promise<void> {
    const block = new PacketBlock();
    while (await this.next(block)) onBlock(block);
  }

  /** Ends the file early and closes it. */
  async stop(): Promise<void> {
    if (this.isEnded) return;
    this.isEnded = true;
    await this.source.close();
  }

  private async refill(): Promise<boolean> {
    const chunk = this.chunk;
    const leftoverStart = readStart - (chunk.end - chunk.start);
    chunk.bytes.copyWithin(leftoverStart, chunk.start, chunk.end);
    chunk.start = leftoverStart;
    chunk.end = readStart;
    const read = await this.source.read(chunk.bytes, chunk.end);
    chunk.end += read;
    return read > 0;
  }

  private async endOfFile(): Promise<void> {
    // Stopped while it waited: what is left is not cut off.
    if (this.isEnded) return;
    const isCut = this.chunk.end > this.chunk.start || this.reader.isWithinRecord;
    await this.end(this.source.brokenReason ?? (isCut ? "the last record is cut off" : undefined));
  }

  private async end(reason: string | undefined): Promise<void> {
    this.counters.recordsCorrupt = this.reader.recordsSkipped + (reason === undefined ? 0 : 1);
    this.truncatedReason = reason;
    await this.stop();
  }
}

function newChunk(): FileChunk {
  const bytes = new Uint8Array(readStart + readBytes);
  return { bytes, view: new DataView(bytes.buffer), start: readStart, end: readStart };
}

/** Reads until there is enough to tell the format. */
async function readHead(source: ByteSource, chunk: FileChunk): Promise<void> {
  while (chunk.end - chunk.start < headBytes) {
    const read = await source.read(chunk.bytes, chunk.end);
    if (read === 0) return;
    chunk.end += read;
  }
}

function selectReader(name: string, chunk: FileChunk, source: ByteSource): RecordReader {
  const head = chunk.bytes.subarray(chunk.start, chunk.end);
  if (head.length === 0) throw formatError(`${name} ${source.brokenReason ?? "is empty"}`);
  const header = readPcapHeader(head);
  if (header !== undefined) {
    if (header.majorVersion !== 2) {
      throw formatError(`${name} is pcap version ${header.majorVersion}, only version 2 is known`);
    }
    chunk.start += pcapFileHeaderBytes;
    return new PcapReader(header);
  }
  if (isPcapngSection(head)) return new PcapngReader();
  if (isPcapMagic(head) || isPcapngMagic(head))
    throw formatError(`${name} is a capture that ends or is damaged within its header`);
  throw formatError(`${name} is no pcap or pcapng file: it looks like ${describeForeignFormat(head)}`);
}

function formatError(message: string): PicketError {
  return new PicketError("CAPTURE_FORMAT", message);
}
