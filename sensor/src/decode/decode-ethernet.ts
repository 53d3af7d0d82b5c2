import { decodeArp } from "./decode-arp.js";
import { decodeIpv4 } from "./decode-ipv4.js";
import { decodeIpv6 } from "./decode-ipv6.js";
import { decodeMpls } from "./decode-mpls.js";
import { decodePpp } from "./decode-ppp.js";
import { type DecodedPacket, DecodeResult } from "./decoded-packet.js";

const ethernetBytes = 14;
const vlanTagBytes = 4;
/** Two are QinQ; more than four are an attack on the decoder. */
const vlanTagsMax = 4;
/** Up to here the type field is an IEEE 802.3 length, from 1536 on an EtherType. */
const lengthMax = 1500;

const etherTypeIpv4 = 0x0800;
const etherTypeArp = 0x0806;
const etherTypeIpv6 = 0x86dd;
const etherTypeMpls = 0x8847;
const etherTypeMplsMulticast = 0x8848;
const etherTypePppoeSession = 0x8864;
const pppoeBytes = 6;

const llcBytes = 3;
const snapBytes = 8;
const llcSnap = 0xaaaa;
const llcIp = 0x0606;

/** Reads an Ethernet frame in `[offset, end)`. */
export function decodeEthernet(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  out: DecodedPacket,
): DecodeResult {
  if (end - offset < ethernetBytes) return DecodeResult.truncatedLink;
  const etherType = view.getUint16(offset + 12);
  const result = decodeEtherType(bytes, view, offset + ethernetBytes, end, etherType, out);
  if (result === DecodeResult.arp) {
    out.ethernetSourceHigh = view.getUint16(offset + 6);
    out.ethernetSourceLow = view.getUint32(offset + 8);
  }
  return result;
}

/** Reads what an EtherType (or an 802.3 length) announces at `offset`, VLAN tags included. */
export function decodeEtherType(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  etherType: number,
  out: DecodedPacket,
): DecodeResult {
  if (etherType === etherTypeIpv4) return decodeIpv4(bytes, view, offset, end, out);
  if (isVlanTag(etherType)) return decodeVlan(bytes, view, offset, end, out);
  return decodeUntagged(bytes, view, offset, end, etherType, out);
}

/** 802.1Q, 802.1ad, and the two numbers QinQ used before it had a standard. */
function isVlanTag(etherType: number): boolean {
  return etherType === 0x8100 || etherType === 0x88a8 || etherType === 0x9100 || etherType === 0x9200;
}

function decodeVlan(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  out: DecodedPacket,
): DecodeResult {
  if (end - offset < vlanTagBytes) return DecodeResult.truncatedVlan;
  out.vlanId = view.getUint16(offset) & 0x0fff;
  let position = offset;
  for (let tags = 1; tags <= vlanTagsMax; tags++) {
    if (end - position < vlanTagBytes) return DecodeResult.truncatedVlan;
    const etherType = view.getUint16(position + 2);
    position += vlanTagBytes;
    if (!isVlanTag(etherType)) return decodeUntagged(bytes, view, position, end, etherType, out);
  }
  return DecodeResult.tooManyVlanTags;
}

function decodeUntagged(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  etherType: number,
  out: DecodedPacket,
): DecodeResult {
  if (etherType <= lengthMax) return decodeLlc(bytes, view, offset, Math.min(end, offset + etherType), out);
  if (etherType === etherTypePppoeSession) {
    if (end - offset < pppoeBytes) return DecodeResult.truncatedLink;
    return decodePpp(bytes, view, offset + pppoeBytes, end, out);
  }
  return decodeNetwork(bytes, view, offset, end, etherType, out);
}

/** LLC of an 802.3 frame: IP by SNAP (RFC 1042) or by its own service access point. */
function decodeLlc(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  out: DecodedPacket,
): DecodeResult {
  if (end - offset < llcBytes) return DecodeResult.truncatedLink;
  const accessPoints = view.getUint16(offset);
  if (accessPoints === llcIp) return decodeIpv4(bytes, view, offset + llcBytes, end, out);
  if (accessPoints !== llcSnap) return DecodeResult.notIp;
  if (end - offset < snapBytes) return DecodeResult.truncatedLink;
  // Another organisation's protocol numbers are no EtherTypes.
  if ((view.getUint32(offset + 2) & 0x00ff_ffff) !== 0) return DecodeResult.notIp;
  return decodeNetwork(bytes, view, offset + snapBytes, end, view.getUint16(offset + 6), out);
}

/** No nesting from here on: what is neither IP nor ARP is not looked into. */
function decodeNetwork(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  etherType: number,
  out: DecodedPacket,
): DecodeResult {
  if (etherType === etherTypeIpv4) return decodeIpv4(bytes, view, offset, end, out);
  if (etherType === etherTypeIpv6) return decodeIpv6(bytes, view, offset, end, out);
  if (etherType === etherTypeArp) return decodeArp(view, offset, end, out);
  if (etherType === etherTypeMpls || etherType === etherTypeMplsMulticast)
    return decodeMpls(bytes, view, offset, end, out);
  return DecodeResult.notIp;
}
