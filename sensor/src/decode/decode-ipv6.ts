import { decodeTransport } from "./decode-transport.js";
import { type DecodedPacket, DecodeResult } from "./decoded-packet.js";
import {
  fragmentHeaderAt,
  ipv6HeaderBytes,
  isWalkedFirstFragment,
  isWalkedLaterFragment,
  walkedLength,
  walkedProtocol,
  walkIpv6Extensions,
} from "./ipv6-extensions.js";

/** Reads an IPv6 packet (RFC 8200) in `[offset, end)`. */
export function decodeIpv6(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  out: DecodedPacket,
): DecodeResult {
  const captured = end - offset;
  if (captured < ipv6HeaderBytes) return DecodeResult.truncatedIpv6;
  if (bytes[offset] >> 4 !== 6) return DecodeResult.badIpVersion;
  const payloadLength = view.getUint16(offset + 4);
  // Zero is a jumbogram (RFC 2675) or segmentation offload: what was captured counts.
  const ipLength = payloadLength === 0 ? captured : ipv6HeaderBytes + payloadLength;
  out.isIpv6 = true;
  out.networkOffset = offset;
  out.networkEnd = end;
  out.ipLength = ipLength;
  out.ipId = 0;
  out.ttl = bytes[offset + 7];
  readAddresses(view, offset, out);

  const packetEnd = offset + ipLength;
  const transportEnd = packetEnd < end ? packetEnd : end;
  const walked = walkIpv6Extensions(bytes, view, offset, transportEnd, packetEnd);
  if (walked < 0) return -walked as DecodeResult;
  const protocol = walkedProtocol(walked);
  const headersLength = walkedLength(walked);
  out.protocol = protocol;
  out.isLaterFragment = isWalkedLaterFragment(walked);
  out.isFirstFragment = isWalkedFirstFragment(walked);
  if (out.isLaterFragment || out.isFirstFragment) readFragment(bytes, view, offset, packetEnd, out);
  if (out.isLaterFragment) return DecodeResult.laterFragment;
  return decodeTransport(
    bytes,
    view,
    offset + headersLength,
    transportEnd,
    ipLength - headersLength,
    protocol,
    out,
  );
}

function readFragment(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  packetEnd: number,
  out: DecodedPacket,
): void {
  const header = fragmentHeaderAt(bytes, offset);
  const field = view.getUint16(header + 2);
  out.fragmentId = view.getUint32(header + 4);
  out.fragmentOffset = field & 0xfff8;
  out.fragmentLength = packetEnd - header - 8;
  out.hasMoreFragments = (field & 1) !== 0;
}

function readAddresses(view: DataView, offset: number, out: DecodedPacket): void {
  out.source0 = view.getUint32(offset + 8);
  out.source1 = view.getUint32(offset + 12);
  out.source2 = view.getUint32(offset + 16);
  out.source3 = view.getUint32(offset + 20);
  out.destination0 = view.getUint32(offset + 24);
  out.destination1 = view.getUint32(offset + 28);
  out.destination2 = view.getUint32(offset + 32);
  out.destination3 = view.getUint32(offset + 36);
}
