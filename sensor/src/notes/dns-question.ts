import { type HostName, NameResult } from "./host-name.js";

const headerBytes = 12;
const typeAndClassBytes = 4;
/** Shortest message with a question: the root's. */
const questionBytesMin = headerBytes + 1 + typeAndClassBytes;
const labelBytesMax = 63;
/** Labels and their lengths, with the root's (RFC 1035, section 2.3.4). */
const wireNameBytesMax = 255;

const responseBit = 0x80;
/** Query, inverse query, status, notify, update: with the bit that must be zero. */
const opcodeMax = 6;
/** More questions or records than this are no query. */
const questionsMax = 8;
const recordsMax = 64;

/** NetBIOS asks in the form of DNS: for names of 16 bytes, each as two letters (RFC 1002). */
const netbiosLabelBytes = 32;
const netbiosTypes = [32, 33];

/**
 * Reads the DNS message in `[offset, end)` (RFC 1035), a query or a response,
 * up to its first question; `isCut` when more followed that was not captured.
 * Strict, because the answer also says whether this is DNS at all: counts that
 * make sense, one whole name without compression, a type and a known class.
 */
export function readDnsQuestion(
  bytes: Uint8Array,
  offset: number,
  end: number,
  isCut: boolean,
  name: HostName,
): NameResult {
  name.clear();
  if (end - offset < headerBytes || (!isCut && end - offset < questionBytesMin)) return NameResult.noMessage;
  if (!isPlausibleHeader(bytes, offset)) return NameResult.noMessage;
  return readQuestion(bytes, offset + headerBytes, end, isCut, name);
}

/** The same for a message over TCP, behind two bytes of length (RFC 1035, section 4.2.2). */
export function readDnsQuestionOfStream(
  bytes: Uint8Array,
  offset: number,
  end: number,
  streamLength: number,
  name: HostName,
): NameResult {
  if (end - offset < 2 + headerBytes) return NameResult.noMessage;
  const length = (bytes[offset] << 8) | bytes[offset + 1];
  const isResponse = (bytes[offset + 4] & responseBit) !== 0;
  // A query is in one segment; an answer may go on in the next.
  if (length < questionBytesMin || (!isResponse && length + 2 > streamLength)) return NameResult.noMessage;
  const messageEnd = offset + 2 + length;
  const isCut = messageEnd > end;
  return readDnsQuestion(bytes, offset + 2, isCut ? end : messageEnd, isCut, name);
}

function isPlausibleHeader(bytes: Uint8Array, offset: number): boolean {
  const flags = bytes[offset + 2];
  const codes = bytes[offset + 3];
  if (((flags >> 3) & 0x0f) > opcodeMax || (codes & 0x40) !== 0) return false;
  const questions = word(bytes, offset + 4);
  const answers = word(bytes, offset + 6);
  if (questions < 1 || questions > questionsMax) return false;
  if (word(bytes, offset + 8) > recordsMax || word(bytes, offset + 10) > recordsMax) return false;
  // A query has no answers (but known ones of multicast DNS), and no error code.
  return (flags & responseBit) !== 0 || (answers <= recordsMax && (codes & 0x0f) === 0);
}

function readQuestion(
  bytes: Uint8Array,
  offset: number,
  end: number,
  isCut: boolean,
  name: HostName,
): NameResult {
  const last = offset + wireNameBytesMax;
  let isName = true;
  let position = offset;
  while (position < end && bytes[position] !== 0) {
    const length = bytes[position];
    // The two highest bits mean compression, which a first question cannot have.
    if (length > labelBytesMax || position + 1 + length >= last) return NameResult.noMessage;
    if (position + 1 + length > end) return isCut ? NameResult.truncated : NameResult.noMessage;
    if (isName) isName = name.addLabel(bytes, position + 1, length);
    position += 1 + length;
  }
  position++;
  if (position + typeAndClassBytes > end) return isCut ? NameResult.truncated : NameResult.noMessage;
  if (!isPlausibleType(bytes, position)) return NameResult.noMessage;
  if (isNetbios(bytes, offset, word(bytes, position))) return NameResult.noMessage;
  if (!isName) return NameResult.refused;
  return name.length === 0 ? NameResult.none : NameResult.found;
}

/** Internet, Chaos, Hesiod, none or any, with multicast DNS's bit for a direct answer (RFC 6762). */
function isPlausibleType(bytes: Uint8Array, offset: number): boolean {
  const questionClass = word(bytes, offset + 2) & 0x7fff;
  const isKnown = questionClass === 1 || questionClass === 3 || questionClass === 4 || questionClass >= 254;
  return isKnown && questionClass <= 255 && word(bytes, offset) !== 0;
}

function isNetbios(bytes: Uint8Array, offset: number, type: number): boolean {
  if (bytes[offset] !== netbiosLabelBytes || !netbiosTypes.includes(type)) return false;
  for (let at = offset + 1; at <= offset + netbiosLabelBytes; at++)
    if (bytes[at] < 0x41 || bytes[at] > 0x50) return false;
  return true;
}

function word(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] << 8) | bytes[offset + 1];
}
