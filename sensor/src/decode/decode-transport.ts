import { decodeIcmp, decodeIcmpv6 } from "./decode-icmp.js";
import { type DecodedPacket, DecodeResult } from "./decoded-packet.js";
import { IpProtocol } from "./ip-protocol.js";
import { setPayload } from "./payload.js";

const tcpHeaderBytes = 20;
const udpHeaderBytes = 8;
const sctpHeaderBytes = 12;
const portsBytes = 4;

/**
 * Reads the transport header at `offset`. `end` bounds what is read, `length`
 * is what the IP header says the transport has (more than is captured when the
 * snap length cut the frame).
 */
export function decodeTransport(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  length: number,
  protocol: number,
  out: DecodedPacket,
): DecodeResult {
  out.transportOffset = offset;
  out.hasInner = false;
  out.isShortFragment = false;
  if (protocol === IpProtocol.tcp) return decodeTcp(bytes, view, offset, end, length, out);
  out.tcpFlags = 0;
  if (protocol === IpProtocol.udp) return decodeUdp(view, offset, end, length, out);
  if (protocol === IpProtocol.icmp && !out.isIpv6) return decodeIcmp(bytes, view, offset, end, length, out);
  if (protocol === IpProtocol.icmpv6 && out.isIpv6)
    return decodeIcmpv6(bytes, view, offset, end, length, out);
  if (protocol === IpProtocol.sctp) return decodeSctp(view, offset, end, length, out);
  out.sourcePort = 0;
  out.destinationPort = 0;
  setPayload(out, offset, length, end);
  return DecodeResult.flow;
}

function decodeTcp(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  length: number,
  out: DecodedPacket,
): DecodeResult {
  if (length < tcpHeaderBytes) return decodeShortTcp(view, offset, end, out);
  if (end - offset < tcpHeaderBytes) return DecodeResult.truncatedTransport;
  const headerLength = (bytes[offset + 12] >> 4) << 2;
  if (headerLength < tcpHeaderBytes) return DecodeResult.badTcpHeader;
  // The options of a first fragment may go on in the next one.
  if (headerLength > length && !out.isFirstFragment) return DecodeResult.badTcpHeader;
  out.sourcePort = view.getUint16(offset);
  out.destinationPort = view.getUint16(offset + 2);
  out.tcpSequence = view.getUint32(offset + 4);
  out.tcpAcknowledgement = view.getUint32(offset + 8);
  out.tcpFlags = bytes[offset + 13];
  out.tcpWindow = view.getUint16(offset + 14);
  setPayload(out, offset + headerLength, length - headerLength, end);
  return DecodeResult.flow;
}

/** A packet that ends inside the TCP header: an evasion when it is a fragment, else garbage. */
function decodeShortTcp(view: DataView, offset: number, end: number, out: DecodedPacket): DecodeResult {
  if (!out.isFirstFragment) return DecodeResult.badTcpHeader;
  if (end - offset < portsBytes) return DecodeResult.truncatedTransport;
  out.isShortFragment = true;
  out.sourcePort = view.getUint16(offset);
  out.destinationPort = view.getUint16(offset + 2);
  out.tcpSequence = 0;
  out.tcpAcknowledgement = 0;
  out.tcpFlags = 0;
  out.tcpWindow = 0;
  setPayload(out, end, 0, end);
  return DecodeResult.flow;
}

function decodeUdp(
  view: DataView,
  offset: number,
  end: number,
  length: number,
  out: DecodedPacket,
): DecodeResult {
  if (length < udpHeaderBytes) return DecodeResult.badUdpLength;
  if (end - offset < udpHeaderBytes) return DecodeResult.truncatedTransport;
  // Zero is allowed in jumbograms (RFC 2675) and seen with segmentation offload.
  const udpLength = view.getUint16(offset + 4) || length;
  if (udpLength < udpHeaderBytes) return DecodeResult.badUdpLength;
  if (udpLength > length && !out.isFirstFragment) return DecodeResult.badUdpLength;
  out.sourcePort = view.getUint16(offset);
  out.destinationPort = view.getUint16(offset + 2);
  setPayload(out, offset + udpHeaderBytes, Math.min(udpLength, length) - udpHeaderBytes, end);
  return DecodeResult.flow;
}

function decodeSctp(
  view: DataView,
  offset: number,
  end: number,
  length: number,
  out: DecodedPacket,
): DecodeResult {
  if (end - offset < sctpHeaderBytes) return DecodeResult.truncatedSctp;
  out.sourcePort = view.getUint16(offset);
  out.destinationPort = view.getUint16(offset + 2);
  setPayload(out, offset + sctpHeaderBytes, length - sctpHeaderBytes, end);
  return DecodeResult.flow;
}
