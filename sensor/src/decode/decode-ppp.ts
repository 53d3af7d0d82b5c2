import { decodeIpv4 } from "./decode-ipv4.js";
import { decodeIpv6 } from "./decode-ipv6.js";
import { decodeMpls } from "./decode-mpls.js";
import { type DecodedPacket, DecodeResult } from "./decoded-packet.js";

const pppIpv4 = 0x0021;
const pppIpv6 = 0x0057;
const pppMpls = 0x0281;
const pppMplsMulticast = 0x0283;
/** Address and control bytes of HDLC framing, which may be left out (RFC 1662). */
const pppAddressControl = 0xff03;

/** Reads a PPP frame in `[offset, end)`, with or without HDLC framing. */
export function decodePpp(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  out: DecodedPacket,
): DecodeResult {
  if (end - offset < 2) return DecodeResult.truncatedLink;
  const position = view.getUint16(offset) === pppAddressControl ? offset + 2 : offset;
  if (end - position < 2) return DecodeResult.truncatedLink;
  const first = bytes[position];
  // An odd first byte is a compressed protocol field of one byte (RFC 1661, section 2).
  const isCompressed = (first & 1) === 1;
  const protocol = isCompressed ? first : view.getUint16(position);
  const network = position + (isCompressed ? 1 : 2);
  if (protocol === pppIpv4) return decodeIpv4(bytes, view, network, end, out);
  if (protocol === pppIpv6) return decodeIpv6(bytes, view, network, end, out);
  if (protocol === pppMpls || protocol === pppMplsMulticast)
    return decodeMpls(bytes, view, network, end, out);
  return DecodeResult.notIp;
}
