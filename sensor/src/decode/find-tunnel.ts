import type { DecodedPacket } from "./decoded-packet.js";
import { IpProtocol } from "./ip-protocol.js";
import { TunnelKind } from "./tunnel-kind.js";

/** What a tunnel carries, where that is no EtherType. */
export const TunnelPayload = {
  /** Nothing that is decoded. */
  undecoded: 0,
  /** The tunnel's header is cut off. */
  truncated: 1,
  /** IPv4 or IPv6, by the version in the packet. */
  anyIp: 2,
} as const;

/** EtherType of an Ethernet frame in a tunnel (transparent Ethernet bridging, RFC 1701). */
export const etherTypeBridging = 0x6558;
const etherTypeIpv4 = 0x0800;
const etherTypeArp = 0x0806;
const etherTypeIpv6 = 0x86dd;
const etherTypeMpls = 0x8847;
const etherTypeMplsMulticast = 0x8848;
const etherTypeErspan2 = 0x88be;
const etherTypeErspan3 = 0x22eb;

const vxlanPort = 4789;
/** Linux used this port for VXLAN before the other was assigned, and still does by default. */
const vxlanPortLinux = 8472;
/** Generic protocol extension, whose header is one of VXLAN too. */
const vxlanGpePort = 4790;
const genevePort = 6081;

const greBytes = 4;
const greChecksum = 0x8000;
const greRouting = 0x4000;
const greKey = 0x2000;
const greSequence = 0x1000;
const greVersionMask = 7;
const erspan2Bytes = 8;
const erspan3Bytes = 12;
const erspan3SubheaderBytes = 8;
const vxlanBytes = 8;
const geneveBytes = 8;

const lengthShift = 16;
const kindShift = 26;

/**
 * Recognises a tunnel by the protocol, port and payload of a decoded packet.
 * The answer is one number, so that nothing is allocated: 0 for no tunnel,
 * otherwise see `tunnelPayload`, `tunnelHeaderBytes` and `tunnelKind`.
 */
export function findTunnel(bytes: Uint8Array, view: DataView, packet: DecodedPacket): number {
  const { protocol, payloadOffset: offset, payloadCaptured: length } = packet;
  if (protocol === IpProtocol.udp) return findUdpTunnel(bytes, view, offset, length, packet.destinationPort);
  // A probe for the protocol itself carries nothing: that is a contact, no tunnel.
  if (length === 0) return 0;
  if (protocol === IpProtocol.gre) return findGre(bytes, view, offset, length);
  if (protocol === IpProtocol.ipv4) return tunnelOf(TunnelKind.ipInIp, 0, etherTypeIpv4);
  if (protocol === IpProtocol.ipv6) return tunnelOf(TunnelKind.ipInIp, 0, etherTypeIpv6);
  // The kind of MPLS is noted where its labels are read.
  if (protocol === IpProtocol.mpls) return tunnelOf(TunnelKind.mpls, 0, etherTypeMpls);
  return 0;
}

/**
 * True for UDP on a port of tunnels, whichever end: only the payload of each
 * packet tells whether it is this flow's or one within a tunnel.
 */
export function hasTunnelPort(packet: DecodedPacket): boolean {
  return (
    packet.protocol === IpProtocol.udp &&
    (isTunnelPort(packet.destinationPort) || isTunnelPort(packet.sourcePort))
  );
}

function isTunnelPort(port: number): boolean {
  return port === vxlanPort || port === vxlanPortLinux || port === vxlanGpePort || port === genevePort;
}

/** EtherType of what the tunnel carries, or one of `TunnelPayload`. */
export function tunnelPayload(tunnel: number): number {
  return tunnel & 0xffff;
}

/** Bytes of the tunnel's own headers at the start of the payload. */
export function tunnelHeaderBytes(tunnel: number): number {
  return (tunnel >>> lengthShift) & 0x3ff;
}

/** Bits of the tunnel's kind. */
export function tunnelKind(tunnel: number): number {
  return tunnel >>> kindShift;
}

function tunnelOf(kind: number, headerBytes: number, payload: number): number {
  return (kind << kindShift) | (headerBytes << lengthShift) | payload;
}

function findUdpTunnel(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  length: number,
  port: number,
): number {
  if (port === vxlanPort || port === vxlanPortLinux || port === vxlanGpePort)
    return length >= vxlanBytes ? findVxlan(view, offset) : 0;
  return port === genevePort && length >= geneveBytes ? findGeneve(bytes, view, offset, length) : 0;
}

/**
 * RFC 7348, section 5: the I bit, the rest reserved; group policy adds a bit
 * and 24 more, the generic extension a bit and a number for what is carried.
 * What sets another bit is not understood by Linux either, and may be any
 * program on the port.
 */
function findVxlan(view: DataView, offset: number): number {
  const flags = view.getUint32(offset);
  if ((view.getUint32(offset + 4) & 0xff) !== 0) return 0;
  const isGroupPolicy = flags >>> 24 === 0x88 && (flags & 0x00b7_0000) === 0;
  if (flags === 0x0800_0000 || flags === 0x0c00_0003 || isGroupPolicy)
    return tunnelOf(TunnelKind.vxlan, vxlanBytes, etherTypeBridging);
  if (flags === 0x0c00_0001) return tunnelOf(TunnelKind.vxlan, vxlanBytes, etherTypeIpv4);
  if (flags === 0x0c00_0002) return tunnelOf(TunnelKind.vxlan, vxlanBytes, etherTypeIpv6);
  return 0;
}

/** RFC 8926, section 3.4; what is of another version or carries a type of its own may be any program. */
function findGeneve(bytes: Uint8Array, view: DataView, offset: number, length: number): number {
  const flags = bytes[offset + 1];
  if (bytes[offset] >> 6 !== 0 || (flags & 0x3f) !== 0) return 0;
  const payload = view.getUint16(offset + 2);
  if (!isCarried(payload)) return 0;
  const headerBytes = geneveBytes + ((bytes[offset] & 0x3f) << 2);
  if (length < headerBytes) return tunnelOf(TunnelKind.geneve, 0, TunnelPayload.truncated);
  const isControl = (flags & 0x80) !== 0;
  return tunnelOf(TunnelKind.geneve, headerBytes, isControl ? TunnelPayload.undecoded : payload);
}

function isCarried(etherType: number): boolean {
  return (
    etherType === etherTypeBridging ||
    etherType === etherTypeIpv4 ||
    etherType === etherTypeIpv6 ||
    etherType === etherTypeArp ||
    etherType === etherTypeMpls ||
    etherType === etherTypeMplsMulticast
  );
}

/** RFC 2784 with key and sequence of RFC 2890; source routes and version 1 (PPTP) are not decoded. */
function findGre(bytes: Uint8Array, view: DataView, offset: number, length: number): number {
  if (length < greBytes) return tunnelOf(TunnelKind.gre, 0, TunnelPayload.truncated);
  const flags = view.getUint16(offset);
  if ((flags & (greRouting | greVersionMask)) !== 0)
    return tunnelOf(TunnelKind.gre, 0, TunnelPayload.undecoded);
  let headerBytes = greBytes;
  if ((flags & greChecksum) !== 0) headerBytes += 4;
  if ((flags & greKey) !== 0) headerBytes += 4;
  if ((flags & greSequence) !== 0) headerBytes += 4;
  if (length < headerBytes) return tunnelOf(TunnelKind.gre, 0, TunnelPayload.truncated);
  const payload = view.getUint16(offset + 2);
  if (payload === etherTypeErspan2) return findErspan2(headerBytes, length, (flags & greSequence) !== 0);
  if (payload === etherTypeErspan3) return findErspan3(bytes, offset, headerBytes, length);
  return tunnelOf(TunnelKind.gre, headerBytes, isCarried(payload) ? payload : TunnelPayload.undecoded);
}

/** Without a sequence number it is type I, which has no header of its own. */
function findErspan2(greHeaderBytes: number, length: number, hasHeader: boolean): number {
  const kind = TunnelKind.gre | TunnelKind.erspan;
  const headerBytes = greHeaderBytes + (hasHeader ? erspan2Bytes : 0);
  return length < headerBytes
    ? tunnelOf(kind, 0, TunnelPayload.truncated)
    : tunnelOf(kind, headerBytes, etherTypeBridging);
}

/** Type III says in its last two bytes what it mirrors (0 Ethernet, 2 IP) and whether more header follows. */
function findErspan3(bytes: Uint8Array, offset: number, greHeaderBytes: number, length: number): number {
  const kind = TunnelKind.gre | TunnelKind.erspan;
  let headerBytes = greHeaderBytes + erspan3Bytes;
  if (length < headerBytes) return tunnelOf(kind, 0, TunnelPayload.truncated);
  if ((bytes[offset + headerBytes - 1] & 1) !== 0) headerBytes += erspan3SubheaderBytes;
  if (length < headerBytes) return tunnelOf(kind, 0, TunnelPayload.truncated);
  const frameType = (bytes[offset + greHeaderBytes + erspan3Bytes - 2] >> 2) & 0x1f;
  if (frameType === 0) return tunnelOf(kind, headerBytes, etherTypeBridging);
  return tunnelOf(kind, headerBytes, frameType === 2 ? TunnelPayload.anyIp : TunnelPayload.undecoded);
}
