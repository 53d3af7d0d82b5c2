import { decodeInnerIpv4, decodeInnerIpv6 } from "./decode-inner.js";
import { type DecodedPacket, DecodeResult } from "./decoded-packet.js";
import { setPayload } from "./payload.js";

/** Type and code: what the flow key needs. */
const icmpKeyBytes = 4;
const icmpHeaderBytes = 8;

/** ICMP (RFC 792); errors also yield the flow key of the packet they are about. */
export function decodeIcmp(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  length: number,
  out: DecodedPacket,
): DecodeResult {
  if (!readTypeAndCode(view, offset, end, length, out)) return DecodeResult.truncatedIcmp;
  if (isIcmpError(bytes[offset])) decodeInnerIpv4(bytes, view, offset + icmpHeaderBytes, end, out);
  return DecodeResult.flow;
}

/** ICMPv6 (RFC 4443); errors also yield the flow key of the packet they are about. */
export function decodeIcmpv6(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  length: number,
  out: DecodedPacket,
): DecodeResult {
  if (!readTypeAndCode(view, offset, end, length, out)) return DecodeResult.truncatedIcmp;
  if (isIcmpv6Error(bytes[offset])) decodeInnerIpv6(bytes, view, offset + icmpHeaderBytes, end, out);
  return DecodeResult.flow;
}

function readTypeAndCode(
  view: DataView,
  offset: number,
  end: number,
  length: number,
  out: DecodedPacket,
): boolean {
  if (end - offset < icmpKeyBytes) return false;
  out.sourcePort = 0;
  out.destinationPort = view.getUint16(offset);
  setPayload(out, offset + icmpHeaderBytes, length - icmpHeaderBytes, end);
  return true;
}

/** Unreachable, source quench, redirect, time exceeded, parameter problem. */
function isIcmpError(type: number): boolean {
  return type === 3 || type === 4 || type === 5 || type === 11 || type === 12;
}

/** Unreachable, packet too big, time exceeded, parameter problem. */
function isIcmpv6Error(type: number): boolean {
  return type >= 1 && type <= 4;
}
