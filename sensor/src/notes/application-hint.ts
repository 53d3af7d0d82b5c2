import { Application } from "@picket/proto/batch/flow-columns.js";

/** Shortest payload that says anything. */
export const hintBytesMin = 4;

const slash = 0x2f;
const star = 0x2a;
const space = 0x20;
const letterH = 0x68;

/** Four characters as one number. */
function fourCharacters(text: string): number {
  return Array.from(text).reduce((number, character) => (number << 8) | character.charCodeAt(0), 0);
}

const banner = fourCharacters("SSH-");
const http = fourCharacters("HTTP");
const connect = fourCharacters("CONN");
/** First characters of each request method, by the length of the method. */
const methodLengths = new Map<number, number>([
  [fourCharacters("GET "), 3],
  [fourCharacters("PUT "), 3],
  [fourCharacters("POST"), 4],
  [fourCharacters("HEAD"), 4],
  [fourCharacters("PRI "), 3],
  [fourCharacters("PATC"), 5],
  [fourCharacters("TRAC"), 5],
  [fourCharacters("DELE"), 6],
  [fourCharacters("OPTI"), 7],
  [connect, 7],
  [fourCharacters("PROP"), 8],
]);

/**
 * What a TCP payload of at least `hintBytesMin` bytes says by its first words:
 * a request or response line of HTTP, the banner of SSH, else `other`. Not by
 * port number. Some twenty compares at most.
 */
export function textApplication(bytes: Uint8Array, offset: number, end: number): Application {
  const first =
    (bytes[offset] << 24) | (bytes[offset + 1] << 16) | (bytes[offset + 2] << 8) | bytes[offset + 3];
  if (first === banner) return Application.ssh;
  if (first === http)
    return offset + 4 < end && bytes[offset + 4] === slash ? Application.http : Application.other;
  // Every method begins with a capital letter.
  if (bytes[offset] < 0x43 || bytes[offset] > 0x54) return Application.other;
  const length = methodLengths.get(first);
  if (length === undefined || offset + length + 1 >= end || bytes[offset + length] !== space)
    return Application.other;
  return first === connect || isTarget(bytes[offset + length + 1]) ? Application.http : Application.other;
}

/** A path, `*` or an absolute `http` target; SIP, RTSP and others name their own scheme. */
function isTarget(byte: number): boolean {
  return byte === slash || byte === star || byte === letterH;
}

/** True when the first, middle and last byte are printable or white space: binary data seldom passes. */
export function isTextLike(bytes: Uint8Array, offset: number, end: number): boolean {
  return isTextByte(bytes[offset]) && isTextByte(bytes[(offset + end) >> 1]) && isTextByte(bytes[end - 1]);
}

function isTextByte(byte: number): boolean {
  return (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
