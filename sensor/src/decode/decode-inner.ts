import { ipv4HeaderBytes, mappedPrefix } from "./decode-ipv4.js";
import type { DecodedPacket } from "./decoded-packet.js";
import { hasPorts, IpProtocol } from "./ip-protocol.js";
import {
  ipv6HeaderBytes,
  isWalkedLaterFragment,
  walkedLength,
  walkedProtocol,
  walkIpv6Extensions,
} from "./ipv6-extensions.js";

/**
 * Reads the flow key of the IPv4 packet that an ICMP error quotes. Sets
 * `hasInner` only when the key is whole: an error may quote as little as
 * eight bytes of transport (RFC 792).
 */
export function decodeInnerIpv4(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  out: DecodedPacket,
): void {
  if (end - offset < ipv4HeaderBytes || bytes[offset] >> 4 !== 4) return;
  const headerLength = (bytes[offset] & 0x0f) << 2;
  if (headerLength < ipv4HeaderBytes) return;
  // A later fragment has no ports.
  if ((view.getUint16(offset + 6) & 0x1fff) !== 0) return;
  const protocol = bytes[offset + 9];
  if (!readInnerPorts(view, offset + headerLength, end, protocol, IpProtocol.icmp, out)) return;
  out.innerSource0 = 0;
  out.innerSource1 = 0;
  out.innerSource2 = mappedPrefix;
  out.innerSource3 = view.getUint32(offset + 12);
  out.innerDestination0 = 0;
  out.innerDestination1 = 0;
  out.innerDestination2 = mappedPrefix;
  out.innerDestination3 = view.getUint32(offset + 16);
  out.hasInner = true;
}

/** The same for the IPv6 packet that an ICMPv6 error quotes, extension headers included. */
export function decodeInnerIpv6(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  out: DecodedPacket,
): void {
  if (end - offset < ipv6HeaderBytes || bytes[offset] >> 4 !== 6) return;
  const walked = walkIpv6Extensions(bytes, view, offset, end, end);
  if (walked < 0 || isWalkedLaterFragment(walked)) return;
  const transport = offset + walkedLength(walked);
  if (!readInnerPorts(view, transport, end, walkedProtocol(walked), IpProtocol.icmpv6, out)) return;
  out.innerSource0 = view.getUint32(offset + 8);
  out.innerSource1 = view.getUint32(offset + 12);
  out.innerSource2 = view.getUint32(offset + 16);
  out.innerSource3 = view.getUint32(offset + 20);
  out.innerDestination0 = view.getUint32(offset + 24);
  out.innerDestination1 = view.getUint32(offset + 28);
  out.innerDestination2 = view.getUint32(offset + 32);
  out.innerDestination3 = view.getUint32(offset + 36);
  out.hasInner = true;
}

/** Protocol and ports as the flow key has them; false when they are cut off. */
function readInnerPorts(
  view: DataView,
  offset: number,
  end: number,
  protocol: number,
  icmpProtocol: number,
  out: DecodedPacket,
): boolean {
  out.innerProtocol = protocol;
  out.innerSourcePort = 0;
  out.innerDestinationPort = 0;
  if (hasPorts(protocol)) {
    if (end - offset < 4) return false;
    out.innerSourcePort = view.getUint16(offset);
    out.innerDestinationPort = view.getUint16(offset + 2);
  } else if (protocol === icmpProtocol) {
    if (end - offset < 2) return false;
    out.innerDestinationPort = view.getUint16(offset);
  }
  return true;
}
