import { closeSync, openSync, readSync } from "node:fs";
import { endianness } from "node:os";

/** States of a socket in the kernel's tables. */
export const SocketState = { synReceived: 0x03, listening: 0x0a } as const;

/** One socket of a table; reused for every one. Addresses are four words, IPv4 mapped. */
export class TableSocket {
  state = 0;
  port = 0;
  word0 = 0;
  word1 = 0;
  word2 = 0;
  word3 = 0;
}

/** `missing`: no such table (no IPv6, or no Linux). `tooLong`: not read to its end. */
export type TableResult = "read" | "stopped" | "missing" | "tooLong";

const chunkBytes = 65_536;
const ipv4Digits = 8;
const ipv6Digits = 32;
const newline = 0x0a;
const colon = 0x3a;
const isLittleEndian = endianness() === "LE";

/**
 * Reads the kernel's tables of sockets (/proc/net/tcp and the like), a chunk at
 * a time, without a string for each socket. It is synchronous: what it reads is
 * made by the kernel during the call.
 */
export class SocketTableReader {
  /** Bytes read so far, of all tables. */
  bytesRead = 0;
  private readonly bytes = Buffer.allocUnsafe(chunkBytes);
  private readonly socket = new TableSocket();

  /** `bytesMax`: most bytes of one table. */
  constructor(private readonly bytesMax: number) {}

  /** Hands each socket of the table to `onSocket` until that says false. */
  read(path: string, onSocket: (socket: TableSocket) => boolean): TableResult {
    let file: number;
    try {
      file = openSync(path, "r");
    } catch {
      return "missing";
    }
    try {
      return this.readOpen(file, onSocket);
    } catch {
      return "tooLong";
    } finally {
      closeSync(file);
    }
  }

  private readOpen(file: number, onSocket: (socket: TableSocket) => boolean): TableResult {
    const { bytes } = this;
    let total = 0;
    let kept = 0;
    for (;;) {
      const length = readSync(file, bytes, kept, chunkBytes - kept, null);
      if (length === 0) return "read";
      this.bytesRead += length;
      total += length;
      if (total > this.bytesMax) return "tooLong";
      const end = kept + length;
      const linesEnd = bytes.subarray(0, end).lastIndexOf(newline) + 1;
      if (!this.takeLines(linesEnd, onSocket)) return "stopped";
      bytes.copy(bytes, 0, linesEnd, end);
      kept = end - linesEnd;
      if (kept === chunkBytes) return "tooLong";
    }
  }

  private takeLines(end: number, onSocket: (socket: TableSocket) => boolean): boolean {
    const { bytes, socket } = this;
    for (let at = 0; at < end;) {
      const lineEnd = bytes.indexOf(newline, at);
      if (parseSocket(bytes, at, lineEnd, socket) && !onSocket(socket)) return false;
      at = lineEnd + 1;
    }
    return true;
  }
}

/** Reads "   0: ADDRESS:PORT ADDRESS:PORT STATE …"; false for anything else, as the heading. */
export function parseSocket(bytes: Uint8Array, start: number, end: number, socket: TableSocket): boolean {
  const slotEnd = bytes.indexOf(colon, start);
  if (slotEnd === -1 || slotEnd + 2 >= end) return false;
  const address = slotEnd + 2;
  const digits = bytes[address + ipv4Digits] === colon ? ipv4Digits : ipv6Digits;
  const state = address + 2 * digits + 12;
  if (state + 2 > end || bytes[address + digits] !== colon) return false;
  socket.port = hexadecimal(bytes, address + digits + 1, 4);
  socket.state = hexadecimal(bytes, state, 2);
  if (socket.port === -1 || socket.state === -1) return false;
  const isIpv6 = digits === ipv6Digits;
  socket.word0 = isIpv6 ? addressWord(bytes, address) : 0;
  socket.word1 = isIpv6 ? addressWord(bytes, address + 8) : 0;
  socket.word2 = isIpv6 ? addressWord(bytes, address + 16) : 0xffff;
  socket.word3 = addressWord(bytes, address + digits - 8);
  return true;
}

/** The kernel prints the words of an address in its own byte order. */
function addressWord(bytes: Uint8Array, at: number): number {
  const word = hexadecimal(bytes, at, 8);
  if (!isLittleEndian) return word;
  return ((word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24)) >>> 0;
}

function hexadecimal(bytes: Uint8Array, at: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) {
    const byte = bytes[i];
    const digit = byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x61 + 10;
    if (digit < 0 || digit > 15) return -1;
    value = value * 16 + digit;
  }
  return value;
}
