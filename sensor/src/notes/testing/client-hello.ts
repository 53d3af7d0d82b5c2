import { joinBytes, word16 } from "../../decode/testing/frame-builder.js";
import { textBytes } from "./decoded.js";

/** One extension of a hello: type and content. */
export function tlsExtension(type: number, content: ArrayLike<number>): Uint8Array {
  return joinBytes(word16(type), word16(content.length), content);
}

/** The extension with a server name (RFC 6066). */
export function serverNameExtension(name: string, nameType = 0): Uint8Array {
  const entry = joinBytes([nameType], word16(name.length), textBytes(name));
  return tlsExtension(0, joinBytes(word16(entry.length), entry));
}

/** What a test wants of a client hello. */
export interface HelloFields {
  readonly extensions?: readonly Uint8Array[];
  readonly suites?: number;
  readonly sessionIdBytes?: number;
  /** What the record says of its length, when that should be wrong. */
  readonly recordLength?: number;
  readonly handshakeType?: number;
}

/** A TLS record with a client hello, as OpenSSL sends it. */
export function clientHello(fields: HelloFields = {}): Uint8Array {
  const extensions = joinBytes(...(fields.extensions ?? [serverNameExtension("www.example.com")]));
  const suites = new Uint8Array((fields.suites ?? 31) * 2).fill(0x13);
  const sessionId = new Uint8Array(fields.sessionIdBytes ?? 32).fill(7);
  const tail = extensions.length === 0 ? [] : joinBytes(word16(extensions.length), extensions);
  const hello = joinBytes(
    [3, 3],
    new Uint8Array(32).fill(9),
    [sessionId.length],
    sessionId,
    word16(suites.length),
    suites,
    [1, 0],
    tail,
  );
  const handshake = joinBytes([fields.handshakeType ?? 1, 0], word16(hello.length), hello);
  return joinBytes([22, 3, 1], word16(fields.recordLength ?? handshake.length), handshake);
}
