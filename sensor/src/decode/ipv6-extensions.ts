import { DecodeResult } from "./decoded-packet.js";

/** Length of the fixed IPv6 header. */
export const ipv6HeaderBytes = 40;

/** RFC 8504 lets a host refuse more than eight; a chain never needs as many. */
const extensionsMax = 10;

const hopByHop = 0;
const routing = 43;
const fragmentHeader = 44;
const authentication = 51;
const destinationOptions = 60;
const mobility = 135;
const hostIdentity = 139;
const shim6 = 140;

const laterFragmentBit = 1 << 8;
const firstFragmentBit = 1 << 9;
const lengthShift = 10;

/**
 * Walks the extension headers (RFC 8200, section 4) behind a fixed header at
 * `offset`. `captureEnd` bounds what is read, `packetEnd` is where the packet
 * ends by its own length. The answer is one number, so that nothing is
 * allocated: negative is minus the DecodeResult that ends the packet, otherwise
 * see `walkedProtocol`, `walkedLength`, `isWalkedLaterFragment` and
 * `isWalkedFirstFragment`.
 */
export function walkIpv6Extensions(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  captureEnd: number,
  packetEnd: number,
): number {
  let next = bytes[offset + 6];
  let position = offset + ipv6HeaderBytes;
  let fragmentBits = 0;
  for (let count = 0; count <= extensionsMax; count++) {
    if (!isExtension(next)) return ((position - offset) << lengthShift) | fragmentBits | next;
    if (position + 8 > packetEnd) return -DecodeResult.badIpv6Extension;
    if (position + 8 > captureEnd) return -DecodeResult.truncatedIpv6;
    const header = next;
    next = bytes[position];
    if (header === fragmentHeader) {
      const field = view.getUint16(position + 2);
      if ((field & 0xfff8) !== 0) return ((position + 8 - offset) << lengthShift) | laterFragmentBit | next;
      // Offset 0 and nothing more: an atomic fragment is no fragment (RFC 6946).
      if ((field & 1) !== 0) fragmentBits = firstFragmentBit;
    }
    position += extensionBytes(header, bytes[position + 1]);
    if (position > packetEnd) return -DecodeResult.badIpv6Extension;
    if (position > captureEnd) return -DecodeResult.truncatedIpv6;
  }
  return -DecodeResult.badIpv6Extension;
}

/**
 * Position of the fragment header that makes a fragment of the packet at
 * `offset`: only after a walk found one, for it checks no bounds.
 */
export function fragmentHeaderAt(bytes: Uint8Array, offset: number): number {
  let header = bytes[offset + 6];
  let position = offset + ipv6HeaderBytes;
  while (header !== fragmentHeader || isAtomic(bytes, position)) {
    const length = extensionBytes(header, bytes[position + 1]);
    header = bytes[position];
    position += length;
  }
  return position;
}

function isAtomic(bytes: Uint8Array, position: number): boolean {
  return bytes[position + 2] === 0 && (bytes[position + 3] & 0xf9) === 0;
}

/** Length of an extension header by its second byte, whose unit differs. */
function extensionBytes(header: number, units: number): number {
  if (header === fragmentHeader) return 8;
  return header === authentication ? (units + 2) << 2 : (units + 1) << 3;
}

function isExtension(header: number): boolean {
  // TCP and UDP first: they are nearly every packet.
  if (header === 6 || header === 17) return false;
  return (
    header === hopByHop ||
    header === routing ||
    header === fragmentHeader ||
    header === authentication ||
    header === destinationOptions ||
    header === mobility ||
    header === hostIdentity ||
    header === shim6
  );
}

/** Protocol behind the last extension header. */
export function walkedProtocol(walked: number): number {
  return walked & 0xff;
}

/** Bytes from the start of the fixed header to the transport header. */
export function walkedLength(walked: number): number {
  return walked >> lengthShift;
}

/** True for a fragment other than the first. */
export function isWalkedLaterFragment(walked: number): boolean {
  return (walked & laterFragmentBit) !== 0;
}

/** True for a first fragment that more follow. */
export function isWalkedFirstFragment(walked: number): boolean {
  return (walked & firstFragmentBit) !== 0;
}
