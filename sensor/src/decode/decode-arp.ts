import { type DecodedPacket, DecodeResult } from "./decoded-packet.js";

const arpHeaderBytes = 8;
const arpIpv4Bytes = 28;
const protocolIpv4 = 0x0800;

/** Reads ARP for IPv4 with 48-bit hardware addresses (RFC 826); anything else is `badArp`. */
export function decodeArp(view: DataView, offset: number, end: number, out: DecodedPacket): DecodeResult {
  if (end - offset < arpHeaderBytes) return DecodeResult.truncatedArp;
  const addressLengths = view.getUint16(offset + 4);
  if (view.getUint16(offset + 2) !== protocolIpv4 || addressLengths !== 0x0604) return DecodeResult.badArp;
  if (end - offset < arpIpv4Bytes) return DecodeResult.truncatedArp;
  out.arpOperation = view.getUint16(offset + 6);
  out.arpSenderMacHigh = view.getUint16(offset + 8);
  out.arpSenderMacLow = view.getUint32(offset + 10);
  out.arpSenderAddress = view.getUint32(offset + 14);
  out.arpTargetMacHigh = view.getUint16(offset + 18);
  out.arpTargetMacLow = view.getUint32(offset + 20);
  out.arpTargetAddress = view.getUint32(offset + 24);
  out.ethernetSourceHigh = 0;
  out.ethernetSourceLow = 0;
  return DecodeResult.arp;
}
