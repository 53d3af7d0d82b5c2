import { type HostName, NameResult } from "./host-name.js";

const recordHeaderBytes = 5;
const handshakeHeaderBytes = 4;
/** Version and random. */
const helloFixedBytes = 34;
const sessionIdBytesMax = 32;

const contentHandshake = 22;
const contentApplication = 23;
const handshakeClientHello = 1;
const handshakeServerHello = 2;
/** A record's content, with what encryption may add (RFC 5246, section 6.2.3). */
const recordBytesMax = 16_384 + 2048;

const extensionServerName = 0;
const nameTypeHost = 0;
/** Length of the list, type and length of the name. */
const nameListBytes = 5;
/** A hello has about twenty; more than this are an attack on the reader. */
const extensionsMax = 64;

/** What a TCP payload that may be TLS begins with. */
export const TlsRecord = { none: 0, clientHello: 1, serverHello: 2, application: 3 } as const;
export type TlsRecord = (typeof TlsRecord)[keyof typeof TlsRecord];

/** Tells the TLS record (RFC 8446, section 5.1) at `offset`: a hello, or data of a connection that is up. */
export function tlsRecord(bytes: Uint8Array, offset: number, end: number): TlsRecord {
  if (end - offset < recordHeaderBytes + 1 || bytes[offset + 1] !== 3) return TlsRecord.none;
  const length = word(bytes, offset + 3);
  if (bytes[offset + 2] > 4 || length < handshakeHeaderBytes || length > recordBytesMax)
    return TlsRecord.none;
  if (bytes[offset] === contentApplication)
    return bytes[offset + 2] === 3 ? TlsRecord.application : TlsRecord.none;
  if (bytes[offset] !== contentHandshake) return TlsRecord.none;
  const handshake = bytes[offset + recordHeaderBytes];
  if (handshake === handshakeClientHello) return TlsRecord.clientHello;
  return handshake === handshakeServerHello ? TlsRecord.serverHello : TlsRecord.none;
}

/**
 * Reads the server name (RFC 6066, section 3) of the client hello whose record
 * begins at `offset`, as far as it lies before `end`: a hello that goes on
 * behind that, or in another record, is `truncated` unless the name came first,
 * and one whose parts do not fit has `none`. Only for what `tlsRecord` calls a
 * client hello.
 */
export function readServerName(bytes: Uint8Array, offset: number, end: number, name: HostName): NameResult {
  name.clear();
  const recordEnd = offset + recordHeaderBytes + word(bytes, offset + 3);
  const readEnd = recordEnd < end ? recordEnd : end;
  const hello = offset + recordHeaderBytes + handshakeHeaderBytes;
  if (hello > readEnd) return NameResult.truncated;
  const helloEnd = hello + handshakeLength(bytes, offset + recordHeaderBytes);
  const absent = helloEnd > readEnd ? NameResult.truncated : NameResult.none;
  const listEnd = helloEnd < readEnd ? helloEnd : readEnd;
  const extensions = extensionsOffset(bytes, hello + helloFixedBytes, listEnd);
  return extensions === -1 ? absent : findServerName(bytes, extensions, listEnd, absent, name);
}

/** Passes session id, cipher suites and compression methods; -1 when `end` comes first. */
function extensionsOffset(bytes: Uint8Array, offset: number, end: number): number {
  let position = offset;
  if (position + 1 > end || bytes[position] > sessionIdBytesMax) return -1;
  position += 1 + bytes[position];
  if (position + 2 > end) return -1;
  position += 2 + word(bytes, position);
  if (position + 1 > end) return -1;
  position += 1 + bytes[position];
  return position + 2 > end ? -1 : position + 2;
}

/** Walks the extensions in `[offset, end)`; `absent` when the name is not among them. */
function findServerName(
  bytes: Uint8Array,
  offset: number,
  end: number,
  absent: NameResult,
  name: HostName,
): NameResult {
  let position = offset;
  for (let count = 0; count < extensionsMax && position + 4 <= end; count++) {
    const length = word(bytes, position + 2);
    if (word(bytes, position) === extensionServerName)
      return readNameList(bytes, position + 4, length, end, absent, name);
    position += 4 + length;
  }
  return absent;
}

/** The list has one name for each type, and there is but one type. */
function readNameList(
  bytes: Uint8Array,
  offset: number,
  listLength: number,
  end: number,
  absent: NameResult,
  name: HostName,
): NameResult {
  // An empty one is a server's.
  if (listLength === 0) return NameResult.none;
  if (offset + nameListBytes > end) return absent;
  const length = word(bytes, offset + 3);
  if (bytes[offset + 2] !== nameTypeHost || nameListBytes + length > listLength) return NameResult.refused;
  if (offset + nameListBytes + length > end) return absent;
  return name.setDotted(bytes, offset + nameListBytes, length) ? NameResult.found : NameResult.refused;
}

/** Length of a handshake message, 24 bits behind its type. */
function handshakeLength(bytes: Uint8Array, offset: number): number {
  return (bytes[offset + 1] << 16) | word(bytes, offset + 2);
}

function word(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] << 8) | bytes[offset + 1];
}
