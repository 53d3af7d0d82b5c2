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
 * behind it is `truncated` unless the name came first. Never answers `noMessage`
 * for what `tlsRecord` calls a client hello.
 */
export function readServerName(bytes: Uint8Array, offset: number, end: number, name: HostName): NameResult {
  name.clear();
  const recordEnd = offset + recordHeaderBytes + word(bytes, offset + 3);
  // What is behind the record is another message; a hello over several records is cut here too.
  const readEnd = recordEnd < end ? recordEnd : end;
  let position = offset + recordHeaderBytes + handshakeHeaderBytes + helloFixedBytes;
  if (position >= readEnd) return NameResult.truncated;
  if (bytes[position] > sessionIdBytesMax) return NameResult.none;
  position += 1 + bytes[position];
  if (position + 2 > readEnd) return NameResult.truncated;
  position += 2 + word(bytes, position);
  if (position + 1 > readEnd) return NameResult.truncated;
  position += 1 + bytes[position];
  const helloEnd = offset + recordHeaderBytes + handshakeHeaderBytes + handshakeLength(bytes, offset);
  // Hellos of old clients end here.
  if (position >= helloEnd) return NameResult.none;
  if (position + 2 > readEnd) return NameResult.truncated;
  return findServerName(bytes, position + 2, position + 2 + word(bytes, position), readEnd, name);
}

/** Walks the extensions in `[offset, listEnd)`, of which those before `end` can be read. */
function findServerName(
  bytes: Uint8Array,
  offset: number,
  listEnd: number,
  end: number,
  name: HostName,
): NameResult {
  let position = offset;
  for (let count = 0; count < extensionsMax; count++) {
    if (position + 4 > listEnd) return NameResult.none;
    if (position + 4 > end) return NameResult.truncated;
    const length = word(bytes, position + 2);
    if (word(bytes, position) === extensionServerName)
      return readNameList(bytes, position + 4, position + 4 + length, end, name);
    position += 4 + length;
  }
  return NameResult.none;
}

/** The list has one name for each type, and there is but one type. */
function readNameList(
  bytes: Uint8Array,
  offset: number,
  extensionEnd: number,
  end: number,
  name: HostName,
): NameResult {
  // An empty extension is a server's.
  if (offset === extensionEnd) return NameResult.none;
  if (offset + 5 > end) return NameResult.truncated;
  const length = word(bytes, offset + 3);
  if (bytes[offset + 2] !== nameTypeHost || offset + 5 + length > extensionEnd) return NameResult.refused;
  if (offset + 5 + length > end) return NameResult.truncated;
  return name.setDotted(bytes, offset + 5, length) ? NameResult.found : NameResult.refused;
}

function handshakeLength(bytes: Uint8Array, offset: number): number {
  const at = offset + recordHeaderBytes + 1;
  return (bytes[at] << 16) | word(bytes, at + 1);
}

function word(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] << 8) | bytes[offset + 1];
}
