import { endianness } from "node:os";

const polynomial = 0x82f63b78;
/** In shorter ranges a view of words costs more than it saves. */
const wordBytesMin = 128;
const hasLittleWords = endianness() === "LE";

/** Eight tables of 256, so that eight bytes are folded at a time. */
const tables = makeTables();

function makeTables(): Int32Array {
  const table = new Int32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let crc = n;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    table[n] = crc;
  }
  for (let i = 256; i < table.length; i++) table[i] = (table[i - 256] >>> 8) ^ table[table[i - 256] & 0xff];
  return table;
}

/** CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `bytes` from `start` to `end`. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  if (!hasLittleWords || end - start < wordBytesMin) return (foldBytes(-1, bytes, start, end) ^ -1) >>> 0;
  const wordsStart = start + (-(bytes.byteOffset + start) & 3);
  const wordsEnd = wordsStart + ((end - wordsStart) & ~7);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + wordsStart, (wordsEnd - wordsStart) >>> 2);
  const folded = foldWords(foldBytes(-1, bytes, start, wordsStart), words);
  return (foldBytes(folded, bytes, wordsEnd, end) ^ -1) >>> 0;
}

function foldBytes(from: number, bytes: Uint8Array, start: number, end: number): number {
  let crc = from;
  for (let i = start; i < end; i++) crc = (crc >>> 8) ^ tables[(crc ^ bytes[i]) & 0xff];
  return crc;
}

/** An even number of little-endian words: signed ones stay small integers for the compiler. */
function foldWords(from: number, words: Int32Array): number {
  let crc = from;
  for (let i = 0; i < words.length; i += 2) {
    const low = words[i] ^ crc;
    const high = words[i + 1];
    crc =
      tables[1792 + (low & 0xff)] ^
      tables[1536 + ((low >>> 8) & 0xff)] ^
      tables[1280 + ((low >>> 16) & 0xff)] ^
      tables[1024 + (low >>> 24)] ^
      tables[768 + (high & 0xff)] ^
      tables[512 + ((high >>> 8) & 0xff)] ^
      tables[256 + ((high >>> 16) & 0xff)] ^
      tables[high >>> 24];
  }
  return crc;
}
