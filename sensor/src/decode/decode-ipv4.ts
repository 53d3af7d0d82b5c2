import { decodeTransport } from "./decode-transport.js";
import { type DecodedPacket, DecodeResult } from "./decoded-packet.js";

/** Shortest IPv4 header. */
export const ipv4HeaderBytes = 20;
/** First word of an IPv4-mapped address that is not zero. */
export const mappedPrefix = 0xffff;

const moreFragments = 0x2000;
const fragmentOffsetMask = 0x1fff;
const fragmentBits = moreFragments | fragmentOffsetMask;

/** Reads an IPv4 packet (RFC 791) in `[offset, end)`; bytes behind its total length are padding. */
export function decodeIpv4(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  out: DecodedPacket,
): DecodeResult {
  const captured = end - offset;
  if (captured < ipv4HeaderBytes) return DecodeResult.truncatedIpv4;
  const versionAndLength = bytes[offset];
  if (versionAndLength >> 4 !== 4) return DecodeResult.badIpVersion;
  const headerLength = (versionAndLength & 0x0f) << 2;
  if (headerLength < ipv4HeaderBytes) return DecodeResult.badIpv4Header;
  // Segmentation offload hands the capture a packet whose length is not filled in.
  const totalLength = view.getUint16(offset + 2) || captured;
  if (totalLength < headerLength) return DecodeResult.badIpv4Length;
  if (captured < headerLength) return DecodeResult.truncatedIpv4;

  out.isIpv6 = false;
  out.networkOffset = offset;
  out.networkEnd = end;
  out.ipLength = totalLength;
  out.ipId = view.getUint16(offset + 4);
  out.ttl = bytes[offset + 8];
  const protocol = bytes[offset + 9];
  out.protocol = protocol;
  out.source0 = 0;
  out.source1 = 0;
  out.source2 = mappedPrefix;
  out.source3 = view.getUint32(offset + 12);
  out.destination0 = 0;
  out.destination1 = 0;
  out.destination2 = mappedPrefix;
  out.destination3 = view.getUint32(offset + 16);

  const fragment = view.getUint16(offset + 6);
  const transport = offset + headerLength;
  out.isLaterFragment = (fragment & fragmentOffsetMask) !== 0;
  out.isFirstFragment = !out.isLaterFragment && (fragment & moreFragments) !== 0;
  if ((fragment & fragmentBits) !== 0) {
    out.fragmentId = out.ipId;
    out.fragmentOffset = (fragment & fragmentOffsetMask) << 3;
    out.fragmentLength = totalLength - headerLength;
    out.hasMoreFragments = (fragment & moreFragments) !== 0;
    if (out.isLaterFragment) return DecodeResult.laterFragment;
  }
  const transportEnd = captured > totalLength ? offset + totalLength : end;
  return decodeTransport(bytes, view, transport, transportEnd, totalLength - headerLength, protocol, out);
}
