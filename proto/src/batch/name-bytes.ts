import { nameBytesMax } from "./flow-columns.js";

/** 1 for the bytes of a host name: printable ASCII without space and without upper case. */
const isNameByte = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte > 0x20 && byte < 0x7f && !(byte >= 0x41 && byte <= 0x5a) ? 1 : 0,
);

/**
 * True when the bytes are a host name as batches carry it: 1 to `nameBytesMax`
 * bytes of printable ASCII in lower case, safe to show and to log.
 */
export function isNameBytes(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length < 1 || length > nameBytesMax) return false;
  for (let at = offset; at < offset + length; at++) if (isNameByte[bytes[at]] !== 1) return false;
  return true;
}
