import { decodeIpv4 } from "./decode-ipv4.js";
import { decodeIpv6 } from "./decode-ipv6.js";
import { type DecodedPacket, DecodeResult } from "./decoded-packet.js";
import { TunnelFault, TunnelKind } from "./tunnel-kind.js";

const labelBytes = 4;
/** Segment routing pushes a dozen; more are an attack on the decoder. */
const labelsMax = 16;
const bottomOfStack = 1;

/**
 * Reads the label stack of MPLS (RFC 3032) and the IP packet behind it. The
 * labels do not say what they carry: IP is guessed by its version, which is 0
 * or 1 in the control word of what is no IP (RFC 4385).
 */
export function decodeMpls(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  out: DecodedPacket,
): DecodeResult {
  out.tunnels |= TunnelKind.mpls;
  let position = offset;
  for (let labels = 1; labels <= labelsMax; labels++) {
    if (end - position < labelBytes) return DecodeResult.truncatedMpls;
    position += labelBytes;
    if ((bytes[position - 2] & bottomOfStack) !== 0) return decodeGuessed(bytes, view, position, end, out);
  }
  return DecodeResult.tooManyMplsLabels;
}

function decodeGuessed(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  out: DecodedPacket,
): DecodeResult {
  if (end <= offset) return DecodeResult.truncatedMpls;
  const version = bytes[offset] >> 4;
  if (version === 4) return decodeIpv4(bytes, view, offset, end, out);
  if (version === 6) return decodeIpv6(bytes, view, offset, end, out);
  out.tunnelFault = TunnelFault.undecoded;
  return DecodeResult.notIp;
}
