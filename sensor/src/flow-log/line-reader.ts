import { type ByteSource, openByteSource } from "../capture/byte-source.js";
import { GunzipSource, isGzip } from "../capture/gunzip-source.js";

/** A line longer than this is no flow record: it is passed over and counted. */
const lineBytesMax = 64 * 1024;
const bufferBytes = 2 * lineBytesMax;
const headBytes = 16 * 1024;
const newline = 0x0a;

/** Lines of a text file, gzipped or not, in bounded memory. */
export class LineReader {
  /** Lines passed over because they are too long. */
  linesTooLong = 0;
  private readonly buffer = Buffer.alloc(bufferBytes);
  private start = 0;
  private end = 0;
  private isEnded = false;
  private isWithinLongLine = false;

  private constructor(private source: ByteSource) {}

  /** Opens a file, or standard input for `-`. Throws PicketError FILE_UNREADABLE. */
  static async open(path: string): Promise<LineReader> {
    const reader = new LineReader(await openByteSource(path));
    await reader.fillHead();
    const head = reader.buffer.subarray(0, reader.end);
    if (isGzip(head)) {
      reader.source = new GunzipSource(reader.source, Uint8Array.from(head));
      reader.end = 0;
      reader.isEnded = false;
      await reader.fillHead();
    }
    return reader;
  }

  /** Why the bytes ended too early; undefined for a proper end. */
  get brokenReason(): string | undefined {
    return this.source.brokenReason;
  }

  /** What is in memory of the text ahead, without taking it. */
  peek(): string {
    return this.buffer.toString("latin1", this.start, this.end);
  }

  /** The next line that is already in memory, without its end; undefined when there is none. */
  takeLine(): string | undefined {
    const lineEnd = this.buffer.subarray(0, this.end).indexOf(newline, this.start);
    if (lineEnd >= 0) {
      const line = this.text(lineEnd);
      this.start = lineEnd + 1;
      if (!this.isWithinLongLine) return line;
      this.isWithinLongLine = false;
      return this.takeLine();
    }
    if (!this.isEnded || this.start === this.end || this.isWithinLongLine) return undefined;
    const line = this.text(this.end);
    this.start = this.end;
    return line;
  }

  /** Reads on; false when there is nothing more. */
  async fill(): Promise<boolean> {
    if (this.isEnded) return false;
    if (this.start > 0) {
      this.buffer.copyWithin(0, this.start, this.end);
      this.end -= this.start;
      this.start = 0;
    }
    if (this.end > lineBytesMax) this.passOverLongLine();
    const read = await this.source.read(this.buffer, this.end);
    this.end += read;
    this.isEnded = read === 0;
    return true;
  }

  /** A pipe delivers what it has: read on until a header would be whole. */
  private async fillHead(): Promise<void> {
    while (this.end < headBytes && (await this.fill()));
  }

  async close(): Promise<void> {
    await this.source.close();
  }

  private passOverLongLine(): void {
    if (!this.isWithinLongLine) this.linesTooLong++;
    this.isWithinLongLine = true;
    this.end = 0;
  }

  private text(lineEnd: number): string {
    const hasReturn = lineEnd > this.start && this.buffer[lineEnd - 1] === 0x0d;
    return this.buffer.toString("latin1", this.start, hasReturn ? lineEnd - 1 : lineEnd);
  }
}
