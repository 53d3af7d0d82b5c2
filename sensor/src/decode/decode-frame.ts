import { decodeEthernet, decodeEtherType } from "./decode-ethernet.js";
import { decodeIpv4 } from "./decode-ipv4.js";
import { decodeIpv6 } from "./decode-ipv6.js";
import { decodePpp } from "./decode-ppp.js";
import { decodeTunnels } from "./decode-tunnels.js";
import { type DecodedPacket, DecodeResult } from "./decoded-packet.js";
import { IpProtocol } from "./ip-protocol.js";
import { LinkType } from "./link-type.js";
import { TunnelFault } from "./tunnel-kind.js";

/** Header of Linux cooked capture, version 1 and 2 (LINKTYPE_LINUX_SLL, _SLL2). */
const cookedV1Bytes = 16;
const cookedV2Bytes = 20;
/** Interface type of netlink messages: their protocol field is no EtherType. */
const arphrdNetlink = 824;

/** Address families of BSD loopback headers; IPv6 differs by system. */
const familyIpv4 = 2;
const familiesIpv6 = [10, 24, 28, 30];

/**
 * Reads the headers of one frame into `out`: link layer, IP or ARP, transport,
 * and the same again inside tunnels.
 * `bytes` and `view` are the same memory, the frame is
 * `[offset, offset + capturedLength)`. Reads nothing outside the frame, never
 * throws, allocates nothing; whatever is wrong is the result.
 */
export function decodeFrame(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  capturedLength: number,
  linkType: number,
  out: DecodedPacket,
): DecodeResult {
  const end = offset + capturedLength;
  out.vlanId = 0;
  out.tunnels = 0;
  out.tunnelFault = TunnelFault.none;
  const result =
    linkType === LinkType.ethernet
      ? decodeEthernet(bytes, view, offset, end, out)
      : decodeLink(bytes, view, offset, end, linkType, out);
  if (result !== DecodeResult.flow || out.protocol === IpProtocol.tcp) return result;
  return decodeTunnels(bytes, view, out);
}

/** Every link layer but Ethernet. */
function decodeLink(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  linkType: number,
  out: DecodedPacket,
): DecodeResult {
  switch (linkType) {
    case LinkType.linuxCooked:
      return decodeCookedV1(bytes, view, offset, end, out);
    case LinkType.linuxCookedV2:
      return decodeCookedV2(bytes, view, offset, end, out);
    case LinkType.raw:
    case LinkType.rawBsd:
    case LinkType.rawOpenBsd:
      return decodeRawIp(bytes, view, offset, end, out);
    case LinkType.ipv4:
      return decodeIpv4(bytes, view, offset, end, out);
    case LinkType.ipv6:
      return decodeIpv6(bytes, view, offset, end, out);
    case LinkType.bsdNull:
    case LinkType.bsdLoop:
      return decodeLoopback(bytes, view, offset, end, out);
    case LinkType.ppp:
    case LinkType.pppHdlc:
      return decodePpp(bytes, view, offset, end, out);
    default:
      return DecodeResult.unsupportedLinkType;
  }
}

function decodeCookedV1(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  out: DecodedPacket,
): DecodeResult {
  if (end - offset < cookedV1Bytes) return DecodeResult.truncatedLink;
  if (view.getUint16(offset + 2) === arphrdNetlink) return DecodeResult.notIp;
  return decodeCookedProtocol(bytes, view, offset + cookedV1Bytes, end, view.getUint16(offset + 14), out);
}

function decodeCookedV2(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  out: DecodedPacket,
): DecodeResult {
  if (end - offset < cookedV2Bytes) return DecodeResult.truncatedLink;
  if (view.getUint16(offset + 8) === arphrdNetlink) return DecodeResult.notIp;
  return decodeCookedProtocol(bytes, view, offset + cookedV2Bytes, end, view.getUint16(offset), out);
}

/** Values below 1536 are the kernel's own (802.2, CAN …), never a length. */
function decodeCookedProtocol(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  protocol: number,
  out: DecodedPacket,
): DecodeResult {
  if (protocol < 0x0600) return DecodeResult.notIp;
  return decodeEtherType(bytes, view, offset, end, protocol, out);
}

function decodeRawIp(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  out: DecodedPacket,
): DecodeResult {
  if (end <= offset) return DecodeResult.truncatedLink;
  const version = bytes[offset] >> 4;
  if (version === 4) return decodeIpv4(bytes, view, offset, end, out);
  if (version === 6) return decodeIpv6(bytes, view, offset, end, out);
  return DecodeResult.badIpVersion;
}

/** The family is in the byte order of the capturing host: whichever is small. */
function decodeLoopback(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  out: DecodedPacket,
): DecodeResult {
  if (end - offset < 4) return DecodeResult.truncatedLink;
  const bigEndian = view.getUint32(offset);
  const family = bigEndian <= 0xffff ? bigEndian : view.getUint32(offset, true);
  if (family === familyIpv4) return decodeIpv4(bytes, view, offset + 4, end, out);
  if (familiesIpv6.includes(family)) return decodeIpv6(bytes, view, offset + 4, end, out);
  return DecodeResult.notIp;
}
